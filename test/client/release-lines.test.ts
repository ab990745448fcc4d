import { expect, test } from 'vitest';
import { releaseLines } from '../../client/cli/release-lines.ts';
import { parseDigest, parseServiceId, parseStepId, parseUnitId } from '../../model/ids.ts';
import type { ReadRelease } from '../../model/registry.ts';
import type { FilesStep, IfEdited } from '../../model/release.ts';
import { defaultUnitPolicy } from '../../model/unit.ts';
import type { UnitContainer, UnitJob, UnitMigration, UnitRelease, UnitService } from '../../model/unit.ts';
import { jumps, service } from '../fakes/release.ts';

const DIGEST = parseDigest(`sha256:${'a'.repeat(64)}`);
const IMAGE = `registry.lab:5000/dns@${DIGEST}`;

test('a release is shown with its steps one a line, its probes and the images it needs besides', () => {
  expect(releaseLines(read)).toEqual([
    'sample 2.0.0',
    `  digest        ${DIGEST}`,
    `  contents      ${DIGEST}`,
    '  upgrades from ^1.0.0',
    '  chain         none',
    '  components    none',
    '  for fleets    all',
    '  size          38 MiB (runtime 37 MiB, release 1.0 KiB)',
    '  disk          200 MiB free besides',
    '  deadline      600 s a host',
    '  steps',
    '    1. config: files /etc/sample.json, /etc/sample.yaml (keep if edited)',
    '    2. packages: packages sample-cli 2.0.0',
    '    3. daemon: unit sample.service enabled, restarted',
    '    4. cache: run sample cache rebuild, without undo',
    '    5. restart: reboot',
    `    6. dns: container sample-dns from ${IMAGE}`,
    '  health        4 probes, 3 s without a break within 60 s',
    '    http http://127.0.0.1:8080/ answers 200 with "ok"',
    '    tcp 127.0.0.1:53 is open',
    '    exec sample self-test',
    '    unit sample.service is active',
    '  services      none',
    '  migrations    none',
    '  backup        none',
    '  units         none',
    '  images',
    `    ${IMAGE}`,
    `  chain entry: - { version: 2.0.0, digest: ${DIGEST}, upgradesFrom: ["^1.0.0"] }`,
  ]);
});

test('services are shown in the order in which they go, with how, and their images', () => {
  const services = [
    { ...service('web'), strategy: { strategy: 'phases', size: { percent: 25 } } },
    { ...service('ui'), mode: 'agent' },
    { ...service('catalog'), mode: 'create', strategy: { strategy: 'allAtOnce' } },
    { ...service('dns'), infrastructure: true },
  ] as const;
  const lines = releaseLines({ ...read, release: { ...read.release, services } });

  expect(lines.slice(lines.indexOf('  services'))).toEqual([
    '  services',
    `    1. dns (infrastructure): one member after another, to ${service('dns').image}`,
    `    2. web: phases of 25%, to ${service('web').image}`,
    `    3. ui: one member after another, by the hosts' agents, to ${service('ui').image}`,
    `    4. catalog: all members at once, as new containers, to ${service('catalog').image}`,
    '  migrations    none',
    '  backup        none',
    '  units         none',
    '  images',
    `    ${IMAGE}`,
    ...['web', 'ui', 'catalog', 'dns'].map((name) => `    ${service(name).image}`),
    expect.stringMatching(/^ {2}chain entry: /),
  ]);
});

test('units are shown with their services, where these are reached, and what is run beside them', () => {
  const lines = releaseLines({ ...read, release: { ...read.release, units: [unit] } });

  expect(lines.slice(lines.indexOf('  units'), lines.indexOf('  images'))).toEqual([
    '  units',
    '    1. shop',
    `       db (shared): 1 member, port 25432, from ${IMAGE}`,
    `       web: 2 members, ports 20080-20081 (blue) and 20180-20181 (green), from ${IMAGE}`,
    `       api: 1 member, port 21080 (blue) and 21180 (green), from ${IMAGE}`,
    `       worker: 1 member, from ${IMAGE}`,
    `       add-ons: exporter from ${IMAGE}`,
    '       migrations: split (expand, no way back), index (expand, stays on a return), fill (expand, with a way back), drop (contract)',
    '       account data: beside web',
    '       tests: smoke beside web, load beside web',
  ]);
});

test('a unit of services alone is shown without more', () => {
  const bare = { ...unit, addOns: [], migrations: [], accountData: null, tests: [] };
  const lines = releaseLines({ ...read, release: { ...read.release, units: [bare] } });

  expect(lines.indexOf('  images') - lines.indexOf('  units')).toBe(2 + unit.services.length);
});

test('a release without steps and limits says so', () => {
  const host = { ...read.release.host, steps: [], health: { ...read.release.host.health, probes: [] } };
  const lines = releaseLines({ ...read, release: { ...read.release, upgradesFrom: [], fleets: ['lab*'], host } });

  expect(lines).toContain('  upgrades from any version');
  expect(lines).toContain('  for fleets    lab*');
  expect(lines).toContain('  steps         none');
  expect(lines).toContain('  images        none');
});

const container: UnitContainer = { image: IMAGE, command: [], entrypoint: null, env: {}, files: [] };

const unitService = (name: string, changes: Partial<UnitService>): UnitService => ({
  ...{ ...container, name: parseServiceId(name), shared: false, members: 1, placement: { labels: {}, perHost: 1 } },
  ...{ dependsOn: [], port: null, volumes: [], memoryBytes: null },
  health: { minHealthyTimeMs: 0, deadlineMs: 1_000, probe: null },
  ...changes,
});

const job = (name: string): UnitJob => ({ ...container, name, beside: parseServiceId('web'), timeoutMs: 1_000 });

const migration = (name: string, changes: Partial<UnitMigration> = {}): UnitMigration => ({
  ...{ ...job(name), when: 'expand', check: null, down: null, compatible: false },
  ...changes,
});

const unit: UnitRelease = {
  name: parseUnitId('shop'),
  services: [
    unitService('db', { shared: true, port: { inside: 5432, blue: 25432, green: 25432 } }),
    unitService('web', { members: 2, port: { inside: 8080, blue: 20080, green: 20180 } }),
    unitService('api', { port: { inside: 8080, blue: 21080, green: 21180 } }),
    unitService('worker', {}),
  ],
  migrations: [
    migration('split'),
    migration('index', { compatible: true }),
    migration('fill', { down: ['empty'] }),
    migration('drop', { when: 'contract' }),
  ],
  accountData: job('account-data'),
  addOns: [{ ...container, name: parseServiceId('exporter'), volumes: [] }],
  tests: [job('smoke'), job('load')],
  policy: defaultUnitPolicy,
};

const file = (to: string, ifEdited: IfEdited = 'replace'): FilesStep['files'][number] => ({
  ...{ from: 'a', to, mode: '0644', owner: 'root', group: 'root', ifEdited },
});

const read: ReadRelease = {
  ref: { name: 'sample', version: '2.0.0', repository: 'registry.lab:5000/sample', digest: DIGEST, contents: DIGEST },
  agent: '0.1.0+0123456789ab',
  sizeBytes: 39_653_014,
  layers: [
    { name: 'runtime', digest: DIGEST, sizeBytes: 39_239_575 },
    { name: 'release', digest: DIGEST, sizeBytes: 1024 },
  ],
  release: {
    schema: 1,
    name: 'sample',
    version: '2.0.0',
    upgradesFrom: jumps('^1.0.0'),
    chain: [],
    components: {},
    fleets: [],
    services: [],
    units: [],
    migrations: [],
    backup: null,
    upgrader: null,
    contents: [],
    host: {
      deadlineMs: 600_000,
      diskFreeBytes: 200 * 1024 ** 2,
      steps: [
        {
          id: parseStepId('config'),
          type: 'files',
          files: [file('/etc/sample.json'), file('/etc/sample.yaml', 'keep')],
        },
        {
          id: parseStepId('packages'),
          type: 'packages',
          format: 'deb',
          packages: [{ file: 'a.deb', name: 'sample-cli', version: '2.0.0', architecture: 'all' }],
        },
        { id: parseStepId('daemon'), type: 'unit', unit: 'sample.service', enabled: true, state: 'restarted' },
        {
          id: parseStepId('cache'),
          type: 'run',
          check: ['false'],
          command: ['sample', 'cache', 'rebuild'],
          undo: null,
          probe: null,
          timeoutMs: 1000,
        },
        { id: parseStepId('restart'), type: 'reboot', timeoutMs: 1000 },
        {
          id: parseStepId('dns'),
          type: 'container',
          name: 'sample-dns',
          image: IMAGE,
          command: [],
          env: {},
          ports: [],
          volumes: [],
          network: 'bridge',
          restart: 'always',
          base: 'stated',
          timeoutMs: 1000,
        },
      ],
      health: {
        minHealthyTimeMs: 3000,
        deadlineMs: 60_000,
        probes: [
          { type: 'http', url: 'http://127.0.0.1:8080/', status: 200, contains: 'ok' },
          { type: 'tcp', host: '127.0.0.1', port: 53 },
          { type: 'exec', command: ['sample', 'self-test'] },
          { type: 'unit', unit: 'sample.service' },
        ],
      },
    },
  },
};
