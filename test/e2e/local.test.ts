import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { LOOK_EVERY_MS } from './platform/command-line.ts';
import { BREAK_FILE, HOLD_FILE } from './platform/release.ts';
import { lab, onHost, put, refit, refitJson, removeFile, type Upgrade } from './platform/refit.ts';
import {
  effects,
  everyStepOnce,
  installedVersion,
  publishNext,
  settleFleet,
  start,
  untilHeld,
  untilOver,
} from './platform/upgrade.ts';

/** The fourth one has no member of etcd. */
const HOST = 'host-4';
const ETCD_HOSTS = ['host-1', 'host-2', 'host-3'] as const;

type Ended = {
  readonly state: string;
  readonly phase: string;
  readonly release: string;
  readonly from: string | null;
  readonly error: string | null;
};
type Status = {
  readonly hosts: readonly { readonly name: string; readonly version: string | null; readonly alive: boolean }[];
};

let certificates: string;
let base: { readonly version: string; readonly reference: string };
beforeAll(async () => {
  certificates = await mkdtemp(join(tmpdir(), 'refit-certificates-'));
  base = await publishNext();
  await refitJson(['upgrade', base.reference]);
});
afterAll(() => rm(certificates, { recursive: true, force: true }));
afterEach(settleFleet);

const tagOf = (version: string): string => `registry.lab:5000/test-platform:${version}`;

/** Away while the work goes on: whatever an upgrade of the fleet needs. Back when it returns. */
async function withNothingElse<Result>(work: () => Promise<Result>): Promise<Result> {
  await lab.killWorker('SIGKILL');
  await lab.killTemporal();
  for (const host of ETCD_HOSTS) await onHost(host, ['systemctl', 'stop', 'etcd']);
  try {
    return await work();
  } finally {
    for (const host of ETCD_HOSTS) await onHost(host, ['systemctl', 'start', '--no-block', 'etcd']);
    await lab.startTemporal();
    await lab.startWorker();
  }
}

/** Until the fleet sees the host so. */
async function untilSeen(standing: Partial<Status['hosts'][number]>): Promise<void> {
  const look = async (): Promise<void> => {
    const { hosts } = await refitJson<Status>(['fleet', 'status']);
    expect(hosts.find(({ name }) => name === HOST)).toMatchObject(standing);
  };
  await eventually(look, { everyMs: LOOK_EVERY_MS });
}

/** The options and the environment with which Docker's own command line would reach the host's engine. */
async function engineOf(
  host: string,
): Promise<{ readonly options: readonly string[]; readonly env: Record<string, string> }> {
  const engine = loadFleet(lab.paths.fleetFile).hosts.find(({ name }) => name === host)?.engine;
  if (engine?.tls == null) throw new Error(`the lab's fleet file has no certificates for ${host}`);
  const { caFile, certFile, keyFile } = engine.tls;
  for (const [name, file] of Object.entries({ 'ca.pem': caFile, 'cert.pem': certFile, 'key.pem': keyFile })) {
    await copyFile(file, join(certificates, name));
  }
  return { options: ['--engine', engine.endpoint, '--json'], env: { REFIT_FLEET: '', DOCKER_CERT_PATH: certificates } };
}

test('with worker, Temporal and etcd away a host is upgraded by its engine and the image alone, and the fleet adopts it', async () => {
  const { reference, version } = await publishNext();
  await onHost(HOST, ['docker', 'pull', '--quiet', tagOf(version)]);

  // Without a fleet file no registry is known either: the engine has the image.
  const { options, env } = await engineOf(HOST);
  const answer = await withNothingElse(() => refit(['host', 'upgrade', '--local', tagOf(version), ...options], env));

  expect(answer.exitCode, answer.stderr).toBe(0);
  expect(JSON.parse(answer.stdout)).toMatchObject({ state: 'done', from: `test-platform ${base.version}` });
  expect(await installedVersion(HOST)).toBe(version);
  expect(await installedVersion('host-1')).toBe(base.version);
  await untilSeen({ version, alive: true });
  const upgrade = await refitJson<Upgrade>(['upgrade', reference]);
  expect(upgrade.hosts.find(({ name }) => name === HOST)).toMatchObject({ state: 'alreadyThere' });
  await everyStepOnce(version);
});

test.skipIf(!isNightly)(
  'a release that fails takes the host back: exit code 1, and what was there is there',
  async () => {
    const before = await installedVersion(HOST);
    const { version } = await publishNext();
    await put(HOST, BREAK_FILE);

    const ended = await refitJson<Ended>(['host', 'upgrade', '--local', tagOf(version), '--host', HOST], 1);

    expect(ended).toMatchObject({ state: 'reverted', release: `test-platform ${version}` });
    expect(ended.error).toContain('fragile');
    expect(await installedVersion(HOST)).toBe(before);
  },
);

test.skipIf(!isNightly)('a host that boots in the middle is waited for and followed to its end', async () => {
  const { version } = await publishNext({ withReboot: true });

  const answer = await refit(['host', 'upgrade', '--local', tagOf(version), '--host', HOST]);

  expect(answer.exitCode, answer.stderr).toBe(0);
  expect(answer.stdout).toContain(`host ${HOST} is on test-platform ${version}`);
  expect(await effects(HOST)).toMatchObject({ [`slow ${version}`]: 1, [`fragile ${version}`]: 1 });
});

test.skipIf(!isNightly)('a local upgrade is taken back the same way', async () => {
  const before = await installedVersion(HOST);
  const { version } = await publishNext();
  await refitJson(['host', 'upgrade', '--local', tagOf(version), '--host', HOST]);

  const ended = await withNothingElse(() =>
    refitJson<Ended>(['host', 'rollback', '--local', tagOf(version), '--host', HOST]),
  );

  expect(ended).toMatchObject({ state: 'reverted', error: null });
  expect(await installedVersion(HOST)).toBe(before);
  await untilSeen({ version: before });
});

test('a downgrade, and a host that is at work for the fleet, are refused: exit code 2', async () => {
  const { reference, version } = await publishNext();

  const downgrade = await refit(['host', 'upgrade', '--local', tagOf(base.version), '--host', HOST]);
  await put('host-1', HOLD_FILE);
  const id = await start(reference);
  await untilHeld('host-1');
  const busy = await refit(['host', 'upgrade', '--local', tagOf(version), '--host', 'host-1']);
  await removeFile('host-1', HOLD_FILE);

  expect([downgrade.exitCode, downgrade.stderr]).toEqual([2, expect.stringContaining('newer') as string]);
  expect([busy.exitCode, busy.stderr]).toEqual([2, expect.stringContaining(`of upgrade ${id}`) as string]);
  expect((await untilOver(id)).state).toBe('succeeded');
});

test('a host that never had refit is upgraded by itself, and an upgrade of the fleet makes it one of it', async () => {
  await onHost(HOST, ['systemctl', 'disable', '--now', 'refit-agent.service']);
  await onHost(HOST, ['sh', '-c', 'rm -rf /var/lib/refit/* /etc/systemd/system/refit-agent.service']);
  const { reference, version } = await publishNext();
  await onHost(HOST, ['docker', 'pull', '--quiet', tagOf(version)]);

  const { options, env } = await engineOf(HOST);
  const answer = await refit(['host', 'upgrade', '--local', tagOf(version), ...options], env);
  const alone = JSON.parse(await onHost(HOST, ['cat', '/var/lib/refit/agent.json'])) as { etcd: unknown };
  const upgrade = await refitJson<Upgrade>(['upgrade', reference]);

  expect(answer.exitCode, answer.stderr).toBe(0);
  expect(JSON.parse(answer.stdout)).toMatchObject({ state: 'done', from: null });
  expect(alone.etcd).toBeNull();
  expect(upgrade.state).toBe('succeeded');
  expect(JSON.parse(await onHost(HOST, ['cat', '/var/lib/refit/agent.json']))).toMatchObject({
    fleet: 'test',
    host: HOST,
  });
  await everyStepOnce(version);
});
