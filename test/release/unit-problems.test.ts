import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unitProblems } from '../../drivers/release/unit-problems.ts';
import { MAX_UNIT_MEMBERS } from '../../model/unit.ts';
import {
  IMAGE,
  database,
  job,
  manifestProblems,
  problemsOf,
  readUnit,
  service,
  unitManifest,
} from './unit-manifest.ts';
import { unitOf, web } from './unit-manifest.ts';

test('everything that does not fit together is listed at once, beside what is malformed, with its place', async () => {
  const problems = await manifestProblems(`name: a
version: 1.0.0
host: { steps: [] }
units:
  - name: shop
    soak: { duration: long }
    services:
      - name: db
        image: ${IMAGE}
        shared: true
        members: 2
        port: { inside: 5432, blue: 25432, green: 25433 }
      - name: api
        image: registry.lab:5000/api:1.0.0
        dependsOn: [web]
        env: { DB: "{bd.address}" }
      - name: web
        image: ${IMAGE}
        dependsOn: [api]
        port: { inside: 8080, blue: 20080, green: 20080 }
    tests:
      - { name: smoke, beside: wbe, image: "${IMAGE}" }
`);

  expect(problems).toEqual([
    'release.yaml:6:13: units[0].soak.duration: expected a duration such as 10m, 30s or 500ms, got "long"',
    'release.yaml:11:9: units[0].services[0].members: a shared service has one member; take members away',
    'release.yaml:12:9: units[0].services[0].port: a shared service has one port for both slots, such as { inside: 5432, host: 25432 }',
    'release.yaml:14:9: units[0].services[1].image: expected an image by digest, such as registry.example/dns@sha256:…, got "registry.lab:5000/api:1.0.0"',
    'release.yaml:15:9: units[0].services[1].dependsOn: api → web → api: each waits for the next, so none could start first',
    'release.yaml:16:16: units[0].services[1].env.DB: there is no {bd.address} here; there are {unit}, {slot}, {version}, {host}, {db.address}, .addresses, .host and .port, {web.address}, .addresses, .host and .port',
    'release.yaml:20:44: units[0].services[2].port.green: 20080 is not free: units[0].services[2].port.blue has 20080',
    'release.yaml:22:24: units[0].tests[0].beside: expected one of this unit\'s services (db, api, web), got "wbe"',
  ]);
});

describe('services of a unit are refused', () => {
  test.each([
    ['that wait for themselves', ['a>a'], 'services[0].dependsOn: a → a: each waits'],
    [
      'that wait for each other over others',
      ['c', 'a>b', 'b>d', 'd>c a'],
      'services[1].dependsOn: a → b → d → a: each',
    ],
    [
      'that wait for one that is not there',
      ['a>z'],
      `services[0].dependsOn[0]: expected one of this unit's services (a)`,
    ],
  ])('%s', async (_what, declared, problem) => {
    expect(await problemsOf({ services: declared.map(declaredService) })).toEqual([
      expect.stringContaining(`units[0].${problem}`),
    ]);
  });

  test('each cycle once', async () => {
    const services = ['a>b', 'b>a', 'c>d', 'd>e', 'e>d'].map(declaredService);

    expect(await problemsOf({ services })).toEqual([
      expect.stringContaining('services[0].dependsOn: a → b → a'),
      expect.stringContaining('services[3].dependsOn: d → e → d'),
    ]);
  });

  test('that many ways lead to are in order', async () => {
    const unit = await readUnit({ services: ['a>b c', 'b>d', 'c>d', 'd'].map(declaredService) });

    expect(unit.services.map(({ dependsOn }) => dependsOn)).toEqual([['b', 'c'], ['d'], ['d'], []]);
  });

  test.each([
    [
      'a shared one that waits for a slot',
      [{ ...database, dependsOn: ['web'] }, web],
      'services[0].dependsOn[0]: "web" is in the slots',
    ],
    [
      'one of both slots with the port of a shared one',
      [{ ...web, port: { inside: 80, host: 8080 } }],
      'services[0].port: each slot has ports of its own',
    ],
    [
      'a tcp probe without a port',
      [service('web', { health: { probe: { type: 'tcp' } } })],
      "services[0].health.probe: the tcp probe asks the service's port, and it has none",
    ],
    [
      'an http probe without a port',
      [service('web', { health: { probe: { type: 'http', path: '/' } } })],
      'services[0].health.probe: the http probe',
    ],
    ['shared ones only', [database], 'services: expected a service that is not shared'],
    [
      'more members than an upgrade carries',
      [service('a', { members: 20 }), service('b', { members: 21 })],
      `services: expected at most ${MAX_UNIT_MEMBERS} members of services and add-ons in all, got 41`,
    ],
    [
      'two files at one place',
      [service('web', { files: ['a', 'b'].map((file) => ({ file, to: '/key' })) })],
      'services[0].files[1].to: "/key" is already units[0].services[0].files[0].to',
    ],
    [
      'a name that makes one of a container too long',
      [service('w'.repeat(52))],
      `services[0].name: makes the container name "shop-green-${'w'.repeat(52)}-1" of 65 characters, at most 63`,
    ],
  ])('with %s', async (_what, services, problem) => {
    expect(await problemsOf({ services })).toEqual([expect.stringContaining(`units[0].${problem}`)]);
  });

  test('an exec probe needs no port', async () => {
    const probe = { type: 'exec', command: ['ok'] };

    const { services } = await readUnit({ services: [service('worker', { health: { probe } })] });

    expect(services[0]?.health.probe).toEqual(probe);
  });
});

describe('ports of a host are refused', () => {
  test.each([
    ['that two slots have', [at(20080, 20081, 2)], 'services[0].port.green: 20081–20082 is not free'],
    ['that two services have', [at(20080, 20180, 2), at(20081, 20280)], 'services[1].port.blue: 20081 is not free'],
    [
      'that a shared service has',
      [database, at(25431, 20080, 2)],
      'services[1].port.blue: 25431–25432 is not free: units[0].services[0].port.host has 25432',
    ],
    ['past the last one', [at(20080, 65_535, 2)], 'services[0].port.green: ports end at 65535, and its members need'],
  ])('%s', async (_what, ports, problem) => {
    const services = ports.map((one, index) => ('name' in one ? one : service(`s${index}`, one)));

    expect(await problemsOf({ services })).toEqual([expect.stringContaining(`units[0].${problem}`)]);
  });

  test('not where ranges only touch', async () => {
    const { services } = await readUnit({
      services: [service('a', at(20080, 20082, 2)), service('b', at(20084, 65_535))],
    });

    expect(services.map(({ port }) => port?.green)).toEqual([20082, 65_535]);
  });
});

describe('tokens are refused', () => {
  test.each([
    ['of no service', { addOns: [job('x', { command: ['{api.address}'] })] }, 'addOns[0].command[0]'],
    ['of nothing', { tests: [job('x', { env: { A: 'a {slots} b' } })] }, 'tests[0].env.A'],
    ['in a volume', { services: [web, service('b', { volumes: ['{solt}:/a'] })] }, 'services[1].volumes[0]'],
    ['of a service without a port', { services: [web, service('b', { env: { A: '{b.port}' } })] }, 'services[1].env.A'],
    [
      'of a slot, in what is shared',
      { services: [{ ...database, env: { A: '{web.host}' } }, web] },
      'services[0].env.A',
    ],
    [
      'of the slot, in what is shared',
      { services: [{ ...database, command: ['{slot}'] }, web] },
      'services[0].command[0]',
    ],
    ['in an entrypoint', { addOns: [job('x', { entrypoint: ['{x}'] })] }, 'addOns[0].entrypoint[0]'],
    ['in a check', { migrations: [job('x', { when: 'expand', check: ['{a.b}'] })] }, 'migrations[0].check[0]'],
    [
      'in a way back',
      { migrations: [job('x', { when: 'expand', check: ['is-there'], down: ['a', '{no}'] })] },
      'migrations[0].down[1]',
    ],
  ])('%s', async (_what, fields, field) => {
    expect(await problemsOf(fields)).toEqual([expect.stringContaining(`units[0].${field}: there is no {`)]);
  });

  test('not what only looks like one', async () => {
    const env = { JSON: '{"a":{}}', SHELL: '${HOME}', OWN: '{unit} {slot} {version} {host} {web.addresses}' };

    expect((await readUnit({ tests: [job('x', { env })] })).tests[0]?.env).toEqual(env);
  });
});

describe('names are refused that stand twice', () => {
  test.each([
    ['among services and add-ons', { addOns: [job('web')] }, '"web" is already units[0].services[1].name'],
    [
      'among tests and migrations',
      { migrations: [job('a', { when: 'expand' })], tests: [job('a')] },
      '"a" is already units[0].migrations[0].name',
    ],
    [
      'as that of the account data',
      { accountData: { image: IMAGE }, tests: [job('account-data')] },
      '"account-data" is already units[0].accountData',
    ],
    [
      'as that in which a migration’s check runs',
      { migrations: [job('a', { when: 'expand', check: ['is-there'] })], tests: [job('a-check')] },
      'tests[0].name: "a-check" is the name in which units[0].migrations[0].check runs',
    ],
  ])('%s', async (_what, fields, problem) => {
    expect(await problemsOf(fields)).toEqual([expect.stringContaining(problem)]);
  });

  test('among units', async () => {
    expect(await manifestProblems(unitManifest(unitOf({}), unitOf({})))).toEqual([
      expect.stringContaining('units[1].name: "shop" is already units[0].name'),
    ]);
  });

  test('or with which a unit would reach into another one', async () => {
    expect(await manifestProblems(unitManifest(unitOf({}), unitOf({ name: 'shop-blue' })))).toEqual([
      expect.stringContaining('units[1].name: "shop-blue" begins as the containers of units[0].name ("shop") do'),
    ]);
  });

  test('not a test that is named like a service', async () => {
    expect((await readUnit({ tests: [job('web')] })).tests).toHaveLength(1);
  });
});

describe('a migration', () => {
  test('has room for its check in the longest name', async () => {
    const name = 'm'.repeat(50);

    expect((await readUnit({ tests: [job(name)] })).tests).toHaveLength(1);
    expect(await problemsOf({ migrations: [job(name, { when: 'expand', check: ['is-there'] })] })).toEqual([
      `units[0].migrations[0].name: makes the container name "shop-job-${name}-check" of 65 characters, at most 63 are allowed; shorten it or the unit's name`,
    ]);
  });

  test('with a way back has a check, that tells what it did from what an earlier one did', async () => {
    expect(await problemsOf({ migrations: [job('notes', { when: 'expand', down: ['back'] })] })).toEqual([
      'units[0].migrations[0].down: needs a check: without one it would take back what an earlier upgrade applied',
    ]);
  });

  test.each([
    ['down', { down: ['back'] }],
    ['compatible', { compatible: true }],
  ])('of what is no longer needed has no %s', async (field, fields) => {
    expect(await problemsOf({ migrations: [job('drop', { when: 'contract', ...fields })] })).toEqual([
      `units[0].migrations[0].${field}: a contract migration runs once the other slot is gone, so there is no way back from it; take this away`,
    ]);
  });
});

test('whatever stands under units, reading it does not fail', () => {
  const words = fc.constantFrom(
    'services',
    'name',
    'port',
    'dependsOn',
    'shared',
    'env',
    'tests',
    'accountData',
    'web',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, fc.jsonValue(), fc.array(tie('tree')), fc.dictionary(words, tie('tree'))),
  }));

  fc.assert(
    fc.property(tree, (units) => {
      const problems = unitProblems({ units });

      expect(problems.every(({ message }) => message !== '')).toBe(true);
    }),
  );
});

/** `a>b c`: a depends on b and c. */
function declaredService(text: string): Readonly<Record<string, unknown>> {
  const [name = '', below] = text.split('>');
  return service(name, { dependsOn: below?.split(' ') ?? [] });
}

function at(blue: number, green: number, members = 1): Readonly<Record<string, unknown>> {
  return { port: { inside: 80, blue, green }, members };
}
