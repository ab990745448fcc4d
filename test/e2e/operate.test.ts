import { afterEach, expect, test } from 'vitest';
import { execa } from 'execa';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { ensureTemporalCli } from '../../lab/temporal-cli.ts';
import { HOLD_FILE } from './platform/release.ts';
import { lab, put, refit, refitJson, removeFile, showUpgrade, type Upgrade } from './platform/refit.ts';
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

afterEach(settleFleet);

test.skipIf(!isNightly)('pause during a wave: what runs finishes, nothing starts, and resume goes on', async () => {
  const { reference, version } = await publishNext();
  await put('host-2', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-2');

  const paused = await refit(['pause', id, '--reason', 'lunch']);
  await removeFile('host-2', HOLD_FILE);

  expect(paused.exitCode, paused.stderr).toBe(0);
  const upgrade = await untilUpgrade(id, ({ state }) => state === 'paused');
  expect(upgrade.hosts.map(({ state }) => state)).toEqual(['done', 'done', 'staged', 'staged']);
  expect(await installedVersion('host-3')).not.toBe(version);
  await refit(['resume', id]);
  expect((await untilOver(id)).state).toBe('succeeded');
  await everyStepOnce(version);
});

test.skipIf(!isNightly)('two workers make no difference to what happens', async () => {
  const second = await lab.startWorker();
  const { reference, version } = await publishNext();

  const upgrade = await refitJson<Upgrade>(['upgrade', reference, '--install', 'waves', '--waves', '1,3']);

  expect(upgrade.state).toBe('succeeded');
  await everyStepOnce(version);
  await lab.killWorker('SIGKILL', second);
});

test.skipIf(!isNightly)('a second upgrade while one runs is refused by its name, exit code 2', async () => {
  const { reference } = await publishNext();
  const next = await publishNext();
  await put('host-1', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-1');

  const refused = await refit(['upgrade', next.reference]);

  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain(id);
});

test("signals sent by Temporal's own command line do what refit's commands do", async () => {
  const { reference } = await publishNext();
  const base = await installedVersion('host-1');
  await put('host-1', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-1');

  await signal('pause');
  await removeFile('host-1', HOLD_FILE);
  await untilUpgrade(id, ({ state }) => state === 'paused');
  await put('host-2', HOLD_FILE);
  await signal('resume');
  await untilHeld('host-2');
  await signal('rollback');
  await removeFile('host-2', HOLD_FILE);

  expect((await untilOver(id)).state).toBe('rolledBack');
  for (const host of hosts) expect(await installedVersion(host)).toBe(base);
});

test('abort leaves every host as it is and frees the fleet for the next upgrade', async () => {
  const { reference, version } = await publishNext();
  await put('host-2', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-2');

  const aborted = await refit(['abort', id, '--reason', 'wrong day']);
  await removeFile('host-2', HOLD_FILE);

  expect(aborted.exitCode, aborted.stderr).toBe(0);
  expect((await untilOver(id)).state).toBe('aborted');
  await eventually(async () => (await installedVersion('host-2')) === version);
  expect(await installedVersion('host-3')).not.toBe(version);
});

test.skipIf(!isNightly)('a watch that was closed and opened again follows the same upgrade to its end', async () => {
  const { reference } = await publishNext();
  await put('host-1', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-1');
  const program = new URL('../../bin/refit.mjs', import.meta.url).pathname;
  const env = { REFIT_FLEET: lab.paths.fleetFile };
  const first = execa(process.execPath, [program, 'upgrades', 'watch', id], { env, reject: false });
  await eventually(async () => (await showUpgrade(id)).state === 'running');
  first.kill('SIGINT');
  await first;

  await removeFile('host-1', HOLD_FILE);
  const second = await refit(['upgrades', 'watch', id]);

  expect(second.exitCode, second.stderr).toBe(0);
  expect((await showUpgrade(id)).state).toBe('succeeded');
});

async function signal(name: string): Promise<void> {
  const temporal = await ensureTemporalCli(() => undefined);
  const state = await lab.state();
  const address = `127.0.0.1:${state?.temporal.port ?? 0}`;
  await execa(temporal, ['workflow', 'signal', '--address', address, '--workflow-id', 'fleet/test', '--name', name]);
}
