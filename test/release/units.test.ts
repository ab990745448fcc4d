import { describe, expect, test } from 'vitest';
import { MAX_UNIT_MIGRATIONS, MAX_UNIT_TESTS, MAX_UNITS } from '../../model/unit.ts';
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

const container = { image: IMAGE, command: [], entrypoint: null, env: {}, files: [] };

describe('the units of a release.yaml', () => {
  test('get every default from a service with a name and an image', async () => {
    const unit = await readUnit({ services: [service('web')] });

    expect(unit).toEqual({
      name: 'shop',
      services: [
        {
          ...{ name: 'web', ...container, shared: false, members: 1, placement: { labels: {}, perHost: 1 } },
          ...{ dependsOn: [], port: null, volumes: [], memoryBytes: null },
          health: { minHealthyTimeMs: 5_000, deadlineMs: 120_000, probe: null },
        },
      ],
      ...{ migrations: [], accountData: null, addOns: [], tests: [] },
      policy: {
        approval: false,
        soak: { durationMs: 60_000, maxErrorRate: 0.05, minRequests: 20, windowMs: 10_000, unhealthyMs: 5_000 },
        ...{ keepMs: 86_400_000, drainMs: 30_000, confirmMs: 60_000 },
      },
    });
  });

  test('say all that the policy of an upgrade can have', async () => {
    const soak = { duration: '10m', maxErrorRate: '0.5%', minRequests: 50, window: '20s', unhealthy: '3s' };

    const { policy } = await readUnit({ approval: true, keep: '1h', drain: '5s', confirm: '10s', soak });

    expect(policy).toEqual({
      approval: true,
      soak: { durationMs: 600_000, maxErrorRate: 0.005, minRequests: 50, windowMs: 20_000, unhealthyMs: 3_000 },
      ...{ keepMs: 3_600_000, drainMs: 5_000, confirmMs: 10_000 },
    });
  });

  test('say all that a service can have', async () => {
    const { services } = await readUnit({
      services: [
        database,
        service('web', {
          ...{ members: 2, dependsOn: ['db'], placement: { labels: { role: 'front' }, perHost: 2 } },
          ...{ port: { inside: 8080, blue: 20080, green: 20180 }, volumes: ['shop-{slot}-data:/data'] },
          ...{ command: ['--db={db.address}'], entrypoint: ['web'], env: { SLOT: '{slot}' }, memory: '512MiB' },
          files: [{ file: 'tls-key', to: '/etc/tls/key.pem', mode: '0440', uid: 10, gid: 20 }],
          health: { minHealthyTime: '2s', deadline: '60s', probe: { type: 'http', path: '/health' } },
        }),
      ],
    });

    expect(services[1]).toEqual({
      ...{ name: 'web', image: IMAGE, command: ['--db={db.address}'], entrypoint: ['web'], env: { SLOT: '{slot}' } },
      files: [{ file: 'tls-key', to: '/etc/tls/key.pem', mode: '0440', uid: 10, gid: 20 }],
      ...{ shared: false, members: 2, placement: { labels: { role: 'front' }, perHost: 2 }, dependsOn: ['db'] },
      ...{ port: { inside: 8080, blue: 20080, green: 20180 }, volumes: ['shop-{slot}-data:/data'] },
      memoryBytes: 512 * 1024 ** 2,
      health: {
        ...{ minHealthyTimeMs: 2_000, deadlineMs: 60_000 },
        probe: { type: 'http', path: '/health', status: 200, contains: null },
      },
    });
  });

  test('have one port of the host for a shared service, and files that only root reads', async () => {
    const { services } = await readUnit({
      services: [{ ...database, files: [{ file: 'key', to: '/key' }] }, web],
    });

    expect(services[0]).toMatchObject({
      port: { inside: 5432, blue: 25432, green: 25432 },
      files: [{ file: 'key', to: '/key', mode: '0400', uid: 0, gid: 0 }],
    });
  });

  test('run migrations beside what both slots share, tests and account data beside what is in the slot', async () => {
    const unit = await readUnit({
      migrations: [job('schema', { when: 'expand' })],
      accountData: { image: IMAGE },
      tests: [job('smoke'), job('dump', { beside: 'db', timeout: '10s' })],
    });

    const rest = { ...container, timeoutMs: 300_000 };
    expect(unit.migrations).toEqual([
      { name: 'schema', ...rest, beside: 'db', when: 'expand', check: null, down: null, compatible: false },
    ]);
    expect(unit.accountData).toEqual({ name: 'account-data', ...rest, beside: 'web' });
    expect(unit.tests).toEqual([
      { name: 'smoke', ...rest, beside: 'web' },
      { name: 'dump', ...rest, beside: 'db', timeoutMs: 10_000 },
    ]);
  });

  test('run migrations beside the first service where nothing is shared', async () => {
    const { migrations } = await readUnit({
      services: [service('api'), service('worker')],
      migrations: [job('schema', { when: 'contract', check: ['is-there'] })],
    });

    expect(migrations[0]).toMatchObject({ beside: 'api', when: 'contract', check: ['is-there'] });
  });

  test('have add-ons that are containers without a port', async () => {
    const { addOns } = await readUnit({ addOns: [job('exporter', { volumes: ['/proc:/host/proc:ro'] })] });

    expect(addOns).toEqual([{ name: 'exporter', ...container, volumes: ['/proc:/host/proc:ro'] }]);
  });

  test.each([
    ['2%', 0.02],
    ['0%', 0],
    ['100%', 1],
    ['0.25%', 0.0025],
    ['none', null],
  ])('take an error rate of %s for %f', async (maxErrorRate, share) => {
    const { policy } = await readUnit({ soak: { maxErrorRate } });

    expect(policy.soak.maxErrorRate).toBe(share);
  });
});

describe('a unit is refused', () => {
  test.each([
    ['soak.maxErrorRate', 'expected a share of the requests such as 2% or 0.5%, or none, got 0.02', rate(0.02)],
    ['soak.maxErrorRate', 'expected a share of the requests', rate('101%')],
    ['soak.window', 'expected a time in which requests can be counted', { soak: { window: '0s' } }],
    ['keep', 'expected a duration', { keep: 24 }],
    ['aproval', 'unknown field', { aproval: true }],
    ['services', 'expected a list of at least 1, got a list of 0', { services: [] }],
    ['services[0].image', 'expected an image by digest', serviceWith({ image: 'registry.lab/web:1' })],
    ['services[0].members', 'expected at least 1, got 0', serviceWith({ members: 0 })],
    ['services[0].placement.perHost', 'expected at least 1', serviceWith({ placement: { perHost: 0 } })],
    ['services[0].memory', "expected at least 6MiB, a Docker Engine's least", serviceWith({ memory: '1MiB' })],
    ['services[0].port', 'expected blue and green besides inside', serviceWith({ port: { inside: 80 } })],
    [
      'services[0].port',
      'expected blue and green besides inside',
      serviceWith({ port: { inside: 80, blue: 1, host: 2 } }),
    ],
    ['services[0].port.blue', 'expected at most 65535', serviceWith({ port: { inside: 80, blue: 70_000, green: 1 } })],
    ['services[0].volumes[0]', 'expected a volume such as', serviceWith({ volumes: ['data'] })],
    ['services[0].files[0].to', 'expected an absolute path', serviceWith({ files: [{ file: 'a', to: 'key' }] })],
    [
      'services[0].files[0].file',
      'expected the name that the fleet file',
      serviceWith({ files: [{ file: '../a', to: '/a' }] }),
    ],
    ['services[0].health.deadline', 'a deadline must be longer', serviceWith({ health: { deadline: '1s' } })],
    [
      'services[0].health.probe.type',
      'expected http, tcp or exec',
      serviceWith({ health: { probe: { type: 'unit' } } }),
    ],
    ['services[0].env.PORT', 'expected text, got 80; put it in quotes', serviceWith({ env: { PORT: 80 } })],
    ['migrations[0].when', 'expected expand or contract, got nothing', { migrations: [job('a')] }],
    ['accountData.name', 'unknown field', { accountData: { name: 'a', image: IMAGE } }],
    ['tests', `expected a list of at most ${MAX_UNIT_TESTS}`, { tests: many(MAX_UNIT_TESTS + 1) }],
    [
      'migrations',
      `expected a list of at most ${MAX_UNIT_MIGRATIONS}`,
      { migrations: many(MAX_UNIT_MIGRATIONS + 1).map((one) => ({ ...one, when: 'expand' })) },
    ],
  ])('at %s: %s', async (field, message, fields) => {
    const problems = await problemsOf(fields);

    expect(problems).toEqual([expect.stringContaining(`units[0].${field}: ${message}`)]);
  });

  test('when there are more of them than a release holds', async () => {
    const units = Array.from({ length: MAX_UNITS + 1 }, (_, index) => unitOf({ name: `unit-${index}` }));

    expect(await manifestProblems(unitManifest(...units))).toEqual([
      expect.stringContaining(`units: expected a list of at most ${MAX_UNITS}`),
    ]);
  });
});

function rate(maxErrorRate: unknown): Record<string, unknown> {
  return { soak: { maxErrorRate } };
}

function serviceWith(fields: Record<string, unknown>): Record<string, unknown> {
  return { services: [service('web', fields)] };
}

function many(count: number): readonly Readonly<Record<string, unknown>>[] {
  return Array.from({ length: count }, (_, index) => job(`job-${index}`));
}
