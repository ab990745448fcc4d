import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Watcher } from '../../client/watch.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import { sample } from '../nightly.ts';
import { startFleetApi, type FleetApi } from '../parts/fleet-api.ts';
import { folderWith, type TestFolder } from '../release/folder.ts';
import { openAskedParts, type AskedParts, type AskedSite } from './asked-site.ts';

const program = fileURLToPath(new URL('../../bin/refit.mjs', import.meta.url));
const id = parseUpgradeId('release-day');
/** Longest until the upgrade that was let go is over; ms. */
const WITHIN_MS = 40_000;
/** Longest that all commands take at night, each a process; ms. */
const ALL_MS = 600_000;

let parts: AskedParts;
let site: AskedSite;
let api: FleetApi;
let folder: TestFolder;
beforeAll(async () => {
  parts = await openAskedParts(inject('temporalAddress'));
  site = await parts.open();
  api = await startFleetApi([site.client, site.away]);
  folder = await folderWith({});
  await writeFile(join(folder.path, 'fleet.yaml'), fleetFile(site));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
  await parts.close();
});

const quietly: Watcher<unknown> = { onProgress: () => 'go on', onTrouble: () => undefined };

type Words = (references: AskedSite['references']) => readonly string[];

/** Nothing has been started yet. */
const before: readonly Words[] = [
  () => ['fleet', 'status', '--json'],
  () => ['upgrades'],
  () => ['upgrades', 'list', '--json'],
  () => ['upgrades', 'show', 'nope'],
  () => ['pause', 'nope', '--json'],
  ({ here }) => ['plan', here],
  ({ here }) => ['plan', here, '--json', '--install', 'waves'],
  ({ here }) => ['release', 'show', here, '--json'],
  ({ nowhere }) => ['plan', nowhere],
  ({ nowhere }) => ['upgrade', nowhere, '--detach', '--json'],
  ({ elsewhere }) => ['upgrade', elsewhere, '--detach'],
  () => ['container', 'watch', 'host-9', 'db'],
  () => ['container', 'watch', 'host-1', 'db'],
  () => ['service', 'status', 'web', '--json'],
  () => ['service', 'rollback', 'web'],
  ({ nowhere }) => ['service', 'upgrade', 'web', nowhere],
  () => ['unit', 'status', 'shop', '--json'],
  () => ['unit', 'delete-standby', 'nope', '--detach'],
  () => ['unit', 'watch', 'shop', '--json'],
];

/** An upgrade is over. */
const afterwards: readonly Words[] = [
  () => ['upgrades'],
  () => ['upgrades', 'list', '--json'],
  () => ['upgrades', 'show', id],
  () => ['upgrades', 'show', id, '--json'],
  () => ['upgrades', 'history', id],
  () => ['upgrades', 'watch', id, '--json'],
  () => ['rollback', id],
  ({ here }) => ['upgrade', here, '--id', id, '--detach', '--json'],
];

test('before an upgrade every command says the same straight and through an API', { timeout: ALL_MS }, async () => {
  for (const words of sample('commands before an upgrade', before, 3)) await saysTheSame(words(site.references));
});

test(
  'an upgrade is started through an API, and is told the same both ways afterwards',
  { timeout: ALL_MS },
  async () => {
    const argv = ['upgrade', site.references.here, '--id', id, '--detach', '--json'];
    const started = await refit(argv, throughApi());
    site.letGo();
    await site.client.upgrades.watch(id, quietly, AbortSignal.timeout(WITHIN_MS));

    expect(started, started.stderr).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(started.stdout)).toMatchObject({ id, fleet: site.client.fleet, release: 'sample 2.0.0' });
    expect(await site.client.upgrades.list()).toMatchObject([{ id, requestedBy: site.by }]);
    for (const words of sample('commands after an upgrade', afterwards, 2)) await saysTheSame(words(site.references));
  },
);

test('what this machine alone can do says so', async () => {
  const { exitCode, stderr } = await refit(['--api', api.url, 'release', 'build', '.'], {});

  expect(exitCode).toBe(2);
  expect(stderr).toContain('refit release build does not go through an API; leave out --api');
});

test('without a token it is wrong input, and says where to name one', async () => {
  const { exitCode, stderr } = await refit(['upgrades', '--api', api.url], {});

  expect(exitCode).toBe(2);
  expect(stderr).toContain('--token-file');
});

type Said = { readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string };

async function saysTheSame(argv: readonly string[]): Promise<void> {
  const [straight, remote] = await Promise.all([
    refit(argv, { REFIT_FLEET: join(folder.path, 'fleet.yaml') }),
    refit(argv, throughApi()),
  ]);
  expect(remote, argv.join(' ')).toEqual(straight);
}

const throughApi = (): Readonly<Record<string, string>> => ({
  REFIT_API_URL: `${api.url}/v1/fleets/${site.client.fleet}`,
  REFIT_API_TOKEN_FILE: api.access.tokenFile ?? '',
});

async function refit(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<Said> {
  const cleared = { REFIT_FLEET: '', REFIT_API_URL: '', REFIT_API_TOKEN_FILE: '', NO_COLOR: '1' };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program, ...argv], {
    ...{ cwd: folder.path, reject: false, env: { ...cleared, ...env } },
  });
  return { exitCode, stdout, stderr };
}

function fleetFile({ fleet: { fleet, hosts, etcd, temporal } }: AskedSite): string {
  return JSON.stringify({
    fleet,
    hosts: hosts.map(({ name, engine }) => ({ name, engine: { endpoint: engine.endpoint } })),
    etcd: { endpoints: etcd.endpoints, hostEndpoints: etcd.hostEndpoints },
    services: [{ name: 'web' }],
    units: [{ name: 'shop' }],
    temporal: { address: temporal?.address, namespace: temporal?.namespace },
  });
}
