import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadFleet } from '../../../drivers/fleet-file.ts';
import { publishLedger, publishLedgerDb } from './ledger-image.ts';
import { startWebMembers } from '../../../lab/sample/web-members.ts';
import { expect } from 'vitest';
import { eventually } from '../../eventually.ts';
import { removeMembers, webHosts } from './members.ts';
import { lab, onHost, refitJson } from './refit.ts';
import { publish } from './release.ts';
import { hosts } from './upgrade.ts';

/** The way from 3.4.2: each version writes a column more, which its migration makes. */
export const path = ['4.0.1', '4.1.1', '4.2.0'] as const;
export const START_VERSION = '3.4.2';
type Version = typeof START_VERSION | (typeof path)[number];

const versions: readonly Version[] = [START_VERSION, ...path];

const columns: Readonly<Record<Version, Readonly<Record<string, string>>>> = {
  '3.4.2': {},
  '4.0.1': { amount: 'n % 100' },
  '4.1.1': { amount: 'n % 100', kind: 'n % 7' },
  '4.2.0': { amount: 'n % 100', kind: 'n % 7', day: 'n % 31' },
};
const added: Readonly<Record<(typeof path)[number], string>> = { '4.0.1': 'amount', '4.1.1': 'kind', '4.2.0': 'day' };

const DB = 'ledger-db';
/** The host that has the database, and its port there. */
export const DB_HOST = webHosts[0];
const DB_PORT = 25_432;
const START_WITHIN_MS = 60_000;

export type LedgerImages = { readonly db: string } & Readonly<Record<Version, string>>;

export async function publishImages(): Promise<LedgerImages> {
  const { registries } = loadFleet(lab.paths.fleetFile);
  const ledger = async (version: Version): Promise<string> =>
    publishLedger({ version, columns: columns[version], registries });
  return {
    db: await publishLedgerDb(registries),
    '3.4.2': await ledger('3.4.2'),
    '4.0.1': await ledger('4.0.1'),
    '4.1.1': await ledger('4.1.1'),
    '4.2.0': await ledger('4.2.0'),
  };
}

export type PathOptions = {
  readonly images: LedgerImages;
  /** A migration of this hop that has no way back. */
  readonly pointOfNoReturn?: Version;
  /** Further lines of a migration's command, by version, in SQL. */
  readonly before?: Partial<Readonly<Record<Version, string>>>;
};

/** Builds and pushes 3.4.2 and the way from it; references by version. Each names the ones before it by digest. */
export async function publishPath(options: PathOptions): Promise<Readonly<Record<Version, string>>> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-ledger-'));
  const references: Record<string, string> = {};
  const chain: string[] = [];
  for (const [index, version] of versions.entries()) {
    const before = versions[index - 1];
    const extra = [
      `upgradesFrom: [${before === undefined ? '' : `"${before}"`}]`,
      ...(chain.length === 0 ? [] : ['chain:', ...chain]),
      ...servicesOf(version, options),
      ...(version === START_VERSION ? [] : migrationsOf(version, options)),
    ];
    const reference = await publish(folder, { name: 'ledger', version, extra: extra.join('\n') });
    references[version] = reference;
    const digest = reference.slice(reference.indexOf('@') + 1);
    const from = before === undefined ? '[]' : `["${before}"]`;
    chain.push(`  - { version: ${version}, digest: "${digest}", upgradesFrom: ${from} }`);
  }
  return references as Record<Version, string>;
}

const servicesOf = (version: Version, { images }: PathOptions): readonly string[] => [
  'services:',
  '  - name: web',
  `    image: ${images[version]}`,
  '    strategy: { phases: 3 }',
  '    minAvailable: 3',
  '    drain: 2s',
  '    health: { minHealthyTime: 500ms, deadline: 60s }',
];

function migrationsOf(
  version: (typeof path)[number],
  { images, pointOfNoReturn, before = {} }: PathOptions,
): readonly string[] {
  const column = added[version];
  const psql = (sql: string): string =>
    JSON.stringify(['psql', '--quiet', '-h', '127.0.0.1', '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', '-c', sql]);
  const job = [`    image: ${images.db}`, `    beside: ${DB}`];
  const down = [`    down: ${psql(`alter table entries drop column ${column}`)}`];
  return [
    'backup:',
    ...job.map((line) => line.slice(2)),
    '  command: [pg_dump, -h, 127.0.0.1, -U, postgres, -Fc, -f, /backup/ledger.dump, postgres]',
    '  verify: [pg_restore, --list, /backup/ledger.dump]',
    'migrations:',
    `  - name: add-${column}`,
    '    when: expand',
    ...job,
    `    up: ${psql(`begin; ${before[version] ?? ''} alter table entries add column ${column} integer not null default 0; commit`)}`,
    `    check: ${psql(`select ${column} from entries limit 0`)}`,
    ...(version === pointOfNoReturn ? [] : down),
  ];
}

/** A database on one host and two members on each, made by hand as somebody without refit would. */
export async function startLedger(images: LedgerImages): Promise<void> {
  await stopLedger();
  await onHost(DB_HOST, ['docker', 'pull', '--quiet', images.db]);
  const identity = ['--name', DB, '--label', `dev.refit.service=${DB}`, '--restart', 'always'];
  await onHost(DB_HOST, ['docker', 'run', '--detach', ...identity, '--publish', `${DB_PORT}:5432`, images.db]);
  await eventually(async () => (await sql('select 1').catch(() => '')) === '1', {
    withinMs: START_WITHIN_MS,
    everyMs: 200,
  });
  await sql('create table entries (n integer primary key, written timestamp not null default now())');
  const address = loadFleet(lab.paths.fleetFile).hosts.find(({ name }) => name.toString() === DB_HOST)?.address ?? '';
  const database = `DATABASE=${address}:${DB_PORT}`;
  for (const host of webHosts)
    await startWebMembers(lab, host, { image: images[START_VERSION], env: () => [database] });
}

export async function stopLedger(): Promise<void> {
  await removeMembers();
  await onHost(DB_HOST, ['sh', '-c', `docker rm --force --volumes ${DB} 2>/dev/null || true`]);
}

/** One value, as psql prints it. */
export const sql = async (query: string): Promise<string> =>
  onHost(DB_HOST, ['docker', 'exec', DB, 'psql', '-h', '127.0.0.1', '-U', 'postgres', '-tAc', query]);

/** Without the key that each dump protects itself with. */
export const schema = async (): Promise<string> => (await dumpSchema()).replace(/^\\(un)?restrict .*$/gm, '');

const dumpSchema = async (): Promise<string> =>
  onHost(DB_HOST, ['docker', 'exec', DB, 'pg_dump', '-h', '127.0.0.1', '-U', 'postgres', '--schema-only', 'postgres']);

export const killDatabase = async (): Promise<string> => onHost(DB_HOST, ['docker', 'kill', '--signal', 'KILL', DB]);

/** Another product than the other tests' is on the hosts for a while: they are as before refit came. */
export async function forgetReleases(): Promise<void> {
  const script =
    'systemctl disable --now refit-agent 2>/dev/null; rm -rf /var/lib/refit /etc/systemd/system/refit-agent.service /etc/refit-test /var/log/refit-test-effects; systemctl daemon-reload';
  for (const host of hosts) await onHost(host, ['sh', '-c', script]);
  // Their last signs of life say what they were on until the leases are over.
  await eventually(
    async () => {
      const status = await refitJson<{ readonly hosts: readonly { readonly alive: boolean }[] }>(['fleet', 'status']);
      expect(status.hosts.map(({ alive }) => alive)).toEqual(hosts.map(() => false));
    },
    { withinMs: 60_000, everyMs: 500 },
  );
}
