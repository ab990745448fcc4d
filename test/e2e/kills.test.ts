import { afterEach, expect, test } from 'vitest';
import { isNightly, sample } from '../nightly.ts';
import { lab, onHost, put, refit, removeFile } from './platform/refit.ts';
import { HOLD_FILE } from './platform/release.ts';
import {
  everyStepOnce,
  hosts,
  installedVersion,
  publishNext,
  settleFleet,
  start,
  untilHeld,
  untilOver,
} from './platform/upgrade.ts';
import { eventually } from '../eventually.ts';

afterEach(settleFleet);

/** Faults of the ordinary run. */
const SAMPLED = 1;

/** Each is done while host-2 is in the middle of a step, and is over when the function returns. */
const faults: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'kill -9 of the worker',
    async (): Promise<void> => {
      await lab.killWorker('SIGKILL');
      await lab.startWorker();
    },
  ],
  ['kill -9 of the agent', async (): Promise<void> => killOn('host-2', 'refit-agent.service')],
  [
    'kill -9 of the Temporal server',
    async (): Promise<void> => {
      await lab.killTemporal();
      await lab.startTemporal();
    },
  ],
  ['kill -9 of an etcd member', async (): Promise<void> => killOn('host-2', 'etcd.service')],
  ['kill -9 of the Docker Engine', async (): Promise<void> => killOn('host-2', 'docker.service')],
  [
    'a reboot',
    async (): Promise<void> => {
      await lab.exec('host-2', ['systemctl', 'reboot']);
    },
  ],
];

test.each(sample('faults in the middle of an install', faults, SAMPLED))(
  '%s in the middle of an install: the upgrade ends well and each step took effect once',
  async (_, fault) => {
    const { reference, version } = await publishNext();
    await put('host-2', HOLD_FILE);
    const id = await start(reference);
    await untilHeld('host-2');

    await fault();
    await eventually(async () => removeFile('host-2', HOLD_FILE), { withinMs: 60_000, everyMs: 200 });

    expect((await untilOver(id)).state).toBe('succeeded');
    await everyStepOnce(version);
  },
);

test('daisy-chain: with every worker and the Temporal server killed after the first baton, every host ends at the new version', async () => {
  const { reference, version } = await publishNext();
  await put('host-1', HOLD_FILE);
  const id = await start(reference, ['--install', 'daisy-chain']);
  await untilHeld('host-1');
  await lab.killWorker('SIGKILL');
  await lab.killTemporal();

  await removeFile('host-1', HOLD_FILE);
  await eventually(async () => (await installedVersion('host-4')) === version, { withinMs: 60_000, everyMs: 200 });
  await lab.startTemporal();
  await lab.startWorker();

  const upgrade = await untilOver(id);
  expect(upgrade.state).toBe('succeeded');
  await everyStepOnce(version);
  const times = upgrade.hosts.map(({ startedAt, finishedAt }) =>
    [startedAt, finishedAt].map((time) => Date.parse(time ?? '')),
  );
  for (const [index, [startedAt = 0]] of times.entries()) {
    expect(startedAt).toBeGreaterThanOrEqual(times[index - 1]?.[1] ?? 0);
  }
});

test.skipIf(!isNightly)(
  "etcd stopped for the whole of a host's install: the host finishes, and its report arrives afterwards",
  async () => {
    const { reference, version } = await publishNext();
    await put('host-1', HOLD_FILE);
    const id = await start(reference);
    await untilHeld('host-1');
    const members = ['host-1', 'host-2', 'host-3'] as const;
    for (const host of members) await onHost(host, ['systemctl', 'stop', 'etcd']);

    await removeFile('host-1', HOLD_FILE);
    await eventually(async () => (await onHost('host-1', ['cat', '/var/lib/refit/installed.json'])).includes(version), {
      withinMs: 60_000,
      everyMs: 200,
    });
    for (const host of members) await onHost(host, ['systemctl', 'start', '--no-block', 'etcd']);

    expect((await untilOver(id)).state).toBe('succeeded');
    await everyStepOnce(version);
  },
);

test.skipIf(!isNightly)('a suspended worker that wakes after its work was given to another moves no host', async () => {
  const { reference } = await publishNext();
  await put('host-2', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-2');
  await lab.killWorker('SIGSTOP');
  const other = await lab.startWorker();
  await removeFile('host-2', HOLD_FILE);
  expect((await untilOver(id)).state).toBe('succeeded');
  const before = await Promise.all(hosts.map(journals));

  await lab.killWorker('SIGCONT');
  const next = await publishNext();
  const again = await refit(['upgrade', next.reference]);

  expect(again.exitCode, again.stderr).toBe(0);
  await everyStepOnce(next.version);
  const after = await Promise.all(hosts.map(journals));
  for (const [index, names] of after.entries()) {
    // One order since the worker woke: the next upgrade's.
    expect(names.filter((name) => before[index]?.includes(name) !== true)).toHaveLength(1);
  }
  await lab.killWorker('SIGKILL', other);
});

/** A journal for each order that the agent took up and still keeps. */
const journals = async (host: string): Promise<readonly string[]> =>
  (await onHost(host, ['ls', '/var/lib/refit/journal'])).split('\n');

async function killOn(host: string, unit: string): Promise<void> {
  const before = await onHost(host, ['systemctl', 'show', '-p', 'MainPID', '--value', unit]);
  await onHost(host, ['systemctl', 'kill', '--signal=SIGKILL', '--kill-who=main', unit]);
  await eventually(
    async () => {
      const pid = await onHost(host, ['systemctl', 'show', '-p', 'MainPID', '--value', unit]);
      return pid !== '0' && pid !== before;
    },
    { withinMs: 60_000, everyMs: 100 },
  );
}
