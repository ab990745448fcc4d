import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { busHistory, busRevision, openOrders } from './platform/bus-history.ts';
import { lab, onHost, put, refit, refitJson, type Upgrade } from './platform/refit.ts';
import { HOLD_FILE } from './platform/release.ts';
import { hosts, publishNext, settleFleet, start, untilHeld } from './platform/upgrade.ts';

afterEach(settleFleet);

/** Too small for any release; whole pages, so that the disk says just this. */
const SMALL_DISK_BYTES = 16 * 1024 ** 2;

test('a command for a host that does not exist names the hosts there are, exit code 2', async () => {
  const { reference } = await publishNext();
  await put('host-1', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-1');

  const answer = await refit(['skip', id, 'host-9']);

  expect(answer.exitCode).toBe(2);
  expect(answer.stderr).toContain('host-9');
  expect(answer.stderr).toContain('host-1, host-2');
});

test('a broken manifest is refused with its line, exit code 2', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'refit-broken-'));
  await writeFile(
    join(dir, 'release.yaml'),
    'name: broken\nversion: one\nhost:\n  steps:\n    - id: a\n      type: fils\n',
  );

  const answer = await refit(['release', 'build', dir]);

  expect(answer.exitCode).toBe(2);
  expect(answer.stderr).toMatch(/release\.yaml:2:\d+: version/);
  expect(answer.stderr).toMatch(/release\.yaml:6:\d+: host\.steps\[0\]\.type/);
});

test.skipIf(!isNightly)(
  'a digest that the registry does not have is refused, exit code 2, and nothing is started',
  async () => {
    const { reference } = await publishNext();
    const other = reference.replace(/[0-9a-f]{64}$/, 'a'.repeat(64));

    const answer = await refit(['upgrade', other]);

    expect(answer.exitCode).toBe(2);
    expect(answer.stderr).toContain('a'.repeat(64));
  },
);

test.skipIf(!isNightly)('a release for other fleets is refused, exit code 2', async () => {
  const { reference } = await publishNext({ name: 'elsewhere', extra: 'fleets: [production-*]' });

  const answer = await refit(['upgrade', reference]);

  expect(answer.exitCode).toBe(2);
  expect(answer.stderr).toContain('production-*');
});

test('unreachable engines are all named at once, exit code 2, and no host is ordered', async () => {
  const { reference } = await publishNext();
  const since = (await busRevision()) + 1;
  for (const host of ['host-2', 'host-4']) await onHost(host, ['systemctl', 'stop', 'docker.socket', 'docker.service']);

  const answer = await refit(['upgrade', reference]);
  for (const host of ['host-2', 'host-4']) await onHost(host, ['systemctl', 'start', 'docker.service']);

  expect(answer.exitCode).toBe(2);
  expect(answer.stderr).toContain('host-2');
  expect(answer.stderr).toContain('host-4');
  expect(answer.stderr).not.toContain('host-1:');
  expect(openOrders(await busHistory(since)).order).toEqual([]);
});

test.skipIf(!isNightly)(
  'a disk that is too small on one host is found before any host is ordered, exit code 2',
  async () => {
    const { reference } = await publishNext();
    const since = (await busRevision()) + 1;
    await onHost('host-4', ['mount', '-t', 'tmpfs', '-o', `size=${SMALL_DISK_BYTES}`, 'small', '/var/lib/refit']);
    try {
      // The agent reads its disk twice a minute.
      await eventually(async () => (await diskOf('host-4')) === SMALL_DISK_BYTES, { withinMs: 60_000, everyMs: 500 });

      const answer = await refit(['upgrade', reference, '--json']);

      expect(answer.exitCode).toBe(2);
      const upgrade = JSON.parse(answer.stdout) as Upgrade;
      expect(upgrade.phase).toBe('preflight');
      const errors = upgrade.findings.filter(({ severity }) => severity === 'error');
      expect(errors.map(({ host }) => host)).toEqual(['host-4']);
      expect(errors[0]?.what).toContain('free');
      expect(openOrders(await busHistory(since)).order).toEqual([]);
    } finally {
      await onHost('host-4', ['umount', '/var/lib/refit']);
      await onHost('host-4', ['systemctl', 'restart', 'refit-agent.service']);
    }
    await eventually(async () => (await diskOf('host-4')) > SMALL_DISK_BYTES, { withinMs: 60_000, everyMs: 500 });
  },
);

test.skipIf(!isNightly)('an unreachable etcd is exit code 3 with its address', async () => {
  const { reference } = await publishNext();
  const fleet = await fleetFile(/endpoints: .*/, 'endpoints: ["http://127.0.0.1:9"]');

  const answer = await refit(['upgrade', reference], { REFIT_FLEET: fleet });

  expect(answer.exitCode).toBe(3);
  expect(answer.stderr).toContain('127.0.0.1:9');
});

test('an unreachable Temporal is exit code 3 with its address', async () => {
  const { reference } = await publishNext();

  const answer = await refit(['upgrade', reference], { TEMPORAL_ADDRESS: '127.0.0.1:9' });

  expect(answer.exitCode).toBe(3);
  expect(answer.stderr).toContain('127.0.0.1:9');
});

test('an upgrade that does not exist is exit code 2', async () => {
  const answer = await refit(['upgrades', 'show', 'no-such-upgrade']);

  expect(answer.exitCode).toBe(2);
  expect(answer.stderr).toContain('no-such-upgrade');
});

test('fleet status answers with every host', async () => {
  const fleet = await refitJson<{ hosts: readonly { name: string }[] }>(['fleet', 'status']);

  expect(fleet.hosts.map(({ name }) => name)).toEqual(hosts);
});

async function fleetFile(pattern: RegExp, replacement: string): Promise<string> {
  const text = await readFile(lab.paths.fleetFile, 'utf8');
  const file = join(lab.paths.folder, 'other-fleet.yaml');
  await writeFile(file, text.replace(pattern, replacement));
  return file;
}

/** What the host's agent last said of its disk on the bus; bytes. */
async function diskOf(host: string): Promise<number> {
  const key = `/refit/v1/${lab.name}/hosts/${host}/alive`;
  const value = await onHost('host-1', ['env', 'ETCDCTL_API=3', 'etcdctl', 'get', '--print-value-only', key]);
  return (JSON.parse(value) as { facts: { diskTotalBytes: number } }).facts.diskTotalBytes;
}
