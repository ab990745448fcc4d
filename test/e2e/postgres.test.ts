import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Detached } from '../../lab/detached.ts';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import type { Part } from '../parts/process.ts';
import { lab, put, refit, refitJson, removeFile, type Upgrade } from './platform/refit.ts';
import { BREAK_FILE, HOLD_FILE } from './platform/release.ts';
import { nameOf, openSite, startNeighbour, whoWorked, type TemporalSite } from './platform/temporal-site.ts';
import {
  everyStepOnce,
  hosts,
  installedVersion,
  publishNext,
  settleFleet,
  start,
  untilHeld,
  untilOver,
  untilUpgrade,
} from './platform/upgrade.ts';

/** The lab's fleet on a Temporal server on PostgreSQL, over TLS, with two workers. */
const WORKERS = 2;

let site: TemporalSite;
let neighbour: Part;
/** All that there were. */
const workers: Detached[] = [];
let alive: readonly Detached[] = [];

beforeAll(async () => {
  site = await openSite();
  neighbour = await startNeighbour(site);
});

beforeEach(async () => {
  while (alive.length < WORKERS) {
    const worker = await lab.startWorker();
    workers.push(worker);
    alive = [...alive, worker];
  }
});

afterEach(settleFleet);

afterAll(async () => {
  for (const worker of alive) await kill(worker);
  await neighbour.kill();
  await site.close();
});

test.skipIf(!isNightly)(
  'an upgrade is paused, loses one of its two workers, and is resumed: it ends well and each step took effect once',
  async () => {
    const { reference, version } = await publishNext();
    await put('host-2', HOLD_FILE);
    const id = await start(reference);
    await untilHeld('host-2');
    const paused = await refit(['pause', id, '--reason', 'lunch']);
    const [first] = alive;

    if (first !== undefined) await kill(first);
    await removeFile('host-2', HOLD_FILE);

    expect(paused.exitCode, paused.stderr).toBe(0);
    const upgrade = await untilUpgrade(id, ({ state }) => state === 'paused');
    expect(upgrade.hosts.map(({ state }) => state)).toEqual(['done', 'done', 'staged', 'staged']);
    await refit(['resume', id]);
    expect((await untilOver(id)).state).toBe('succeeded');
    await everyStepOnce(version);
  },
);

test.skipIf(!isNightly)('a release that fails on a host is rolled back on the whole fleet, exit code 1', async () => {
  const before = await installedVersion('host-1');
  const { reference } = await publishNext();
  await put('host-3', BREAK_FILE);

  const upgrade = await refitJson<Upgrade>(['upgrade', reference, '--on-failure', 'rollback'], 1);

  expect(upgrade.state).toBe('rolledBack');
  for (const host of hosts) expect(await installedVersion(host)).toBe(before);
});

test.skipIf(!isNightly)(
  'daisy-chain: the server is killed after the first baton and started later: every host ends at the new version',
  async () => {
    const { reference, version } = await publishNext();
    await put('host-1', HOLD_FILE);
    const id = await start(reference, ['--install', 'daisy-chain']);
    await untilHeld('host-1');
    await site.server.kill();

    await removeFile('host-1', HOLD_FILE);
    await eventually(async () => (await installedVersion('host-4')) === version, { withinMs: 60_000, everyMs: 200 });
    await site.server.start();

    expect((await untilOver(id)).state).toBe('succeeded');
    await everyStepOnce(version);
  },
);

test.skipIf(!isNightly)(
  'a fleet of the same name in another namespace sees nothing of it, and its worker has taken none of its work',
  async () => {
    const list = async (env = {}): Promise<unknown> =>
      JSON.parse((await refit(['upgrades', 'list', '--json'], env)).stdout);

    expect(await list()).toMatchObject({
      upgrades: [{ state: 'succeeded' }, { state: 'rolledBack' }, { state: 'succeeded' }],
    });
    expect(await list(site.neighbours)).toEqual({ fleet: 'test', upgrades: [] });
    expect(await whoWorked()).toEqual(new Set(workers.map(nameOf)));
    expect(neighbour.hasEnded()).toBe(false);
  },
);

test.skipIf(!isNightly).each([
  ['the token of another namespace', { TEMPORAL_NAMESPACE: 'site-a' }, 'does not let us use namespace site-a'],
  ['a namespace that is not there', { TEMPORAL_NAMESPACE: 'site-c' }, 'namespace site-c'],
  ['no TLS', { TEMPORAL_TLS: 'false' }, 'does not answer'],
])('with %s nobody gets in, exit code 3', async (_, env, message) => {
  const refused = await refit(['upgrades', 'list'], { ...site.neighbours, ...env });

  expect(refused.exitCode, refused.stderr).toBe(3);
  expect(refused.stderr).toContain(message);
});

// Each night what passes on the dev server has to pass here as well.
if (isNightly) {
  await import('./strategies.test.ts');
  await import('./failure.test.ts');
}

async function kill(worker: Detached): Promise<void> {
  await lab.killWorker('SIGKILL', worker);
  alive = alive.filter((other) => other !== worker);
}
