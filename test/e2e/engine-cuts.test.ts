import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { enginePackages, nextVersion } from './platform/engine-packages.ts';
import {
  CONTAINERS,
  dropEnginePackages,
  engineOf,
  keepEnginePackages,
  publishEngine,
  removeContainers,
  startContainers,
} from './platform/engine-site.ts';
import { forgetReleases } from './platform/ledger.ts';
import { lab, onHost, refit, refitJson } from './platform/refit.ts';

/** The one without a member of etcd: a loss of its power is its own matter. */
const HOST = 'host-4';
/** A host that lost its power boots, mends its packages and settles; ms. */
const SETTLED_WITHIN_MS = 120_000;
/** Cuts of one test, one after another; ms. */
const ALL_CUTS_MS = 900_000;

/** accepted, stepStarted, stepFinished, finished. */
const RECORDS_THERE = [1, 2, 3, 4];
/** accepted, stepStarted, reverting, undoStarted, undoFinished, finished. */
const RECORDS_BACK = [1, 2, 3, 4, 5, 6];
/** What dpkg says of a package in the middle of it: half of its files there, all of them, its scripts at work. */
const HALF_DONE = ['half-installed', 'unpacked', 'half-configured'];

type Variant = 'next' | 'failing';
const NEWEST = 'find /var/lib/refit/journal -newer /run/engine-cut -name "*.jsonl"';
const isAtRecord = (count: number): string => `test "$(cat $(${NEWEST}) /dev/null | wc -l)" -ge ${count}`;
const isDpkgAt = (state: string): string => `dpkg-query -W -f '\${db:Status-Status}' docker.io | grep -qx -e ${state}`;

/** main: the agent's process; all: what it runs as well. */
type Who = 'main' | 'all';

/** On the host itself, which sees the moment: kills the agent once the condition holds. */
async function killAgentOnce(condition: string, who: Who): Promise<void> {
  const kill = `systemctl kill --signal=SIGKILL --kill-who=${who} refit-agent.service && touch /run/engine-was-cut`;
  const script = `until ${condition}; do sleep 0.005; done; ${kill}`;
  // `find -newer` sees no difference within a tick of the kernel's clock.
  await onHost(HOST, ['sh', '-c', 'rm -f /run/engine-was-cut; touch /run/engine-cut; sleep 0.02']);
  await onHost(HOST, ['systemd-run', '--quiet', '--collect', '--unit=engine-cut', 'sh', '-c', script]);
}

async function wasCut(): Promise<boolean> {
  // It is gone already where it did its work.
  await lab.exec(HOST, ['systemctl', 'stop', 'engine-cut']);
  return (await lab.exec(HOST, ['test', '-e', '/run/engine-was-cut'])).exitCode === 0;
}

const versionOf = async (): Promise<string> => (await engineOf(HOST).about()).version;
const isRunning = async (): Promise<boolean> => {
  const running = (await engineOf(HOST).running()).map(({ name }) => name);
  return CONTAINERS.every((name) => running.includes(name));
};
const lastRecord = (): Promise<string> =>
  onHost(HOST, ['sh', '-c', 'tail -n 1 "$(ls -t /var/lib/refit/journal/*.jsonl | head -n 1)"']);

describe.runIf(isNightly)('an engine step that is cut off', () => {
  let folder: string;
  let references: Readonly<Record<Variant, string>>;
  let ends: Readonly<Record<Variant, string>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refit-engine-cuts-'));
    // The release is of another platform than other files', and a host is of one.
    await forgetReleases();
    await keepEnginePackages([HOST]);
    await startContainers(HOST);
    references = { failing: await publishEngine('failing', folder), next: await publishEngine('next', folder) };
    const version = (await enginePackages()).find(({ name }) => name === 'docker.io')?.version ?? 'none';
    ends = { next: nextVersion(version), failing: version };
  });
  afterEach(async () => {
    await refit(['host', 'rollback', '--local', references.next, '--host', HOST]);
    await eventually(isRunning, { withinMs: SETTLED_WITHIN_MS, everyMs: 500 });
  });
  afterAll(async () => {
    await removeContainers(HOST);
    await dropEnginePackages([HOST]);
    await forgetReleases();
    await rm(folder, { recursive: true, force: true });
  });

  const upgrade = (variant: Variant): ReturnType<typeof refit> =>
    refit(['host', 'upgrade', '--local', references[variant], '--host', HOST]);
  const rollback = (): Promise<unknown> => refitJson(['host', 'rollback', '--local', references.next, '--host', HOST]);

  /** At its end: at one version, healthy, and nothing half-done. */
  async function expectSettled(variant: Variant): Promise<void> {
    const phase = variant === 'next' ? 'done' : 'reverted';
    await eventually(
      async () => {
        expect(await lastRecord()).toContain(`"phase":"${phase}"`);
        expect(await versionOf()).toContain(ends[variant]);
        expect(await onHost(HOST, ['dpkg', '--audit'])).toBe('');
        expect(await isRunning()).toBe(true);
      },
      { withinMs: SETTLED_WITHIN_MS, everyMs: 500 },
    );
  }

  async function expectKept(variant: Variant, condition: string, who: Who = 'main'): Promise<void> {
    const before = await engineOf(HOST).running();
    await killAgentOnce(condition, who);

    await upgrade(variant);

    expect(await wasCut(), condition).toBe(true);
    await expectSettled(variant);
    expect(await engineOf(HOST).running(), condition).toEqual(before);
    if (variant === 'next') await rollback();
  }

  test(
    'kill -9 of the agent at every record on the way there: it ends at the next version, its containers never noticed',
    { timeout: ALL_CUTS_MS },
    async () => {
      for (const record of RECORDS_THERE) await expectKept('next', isAtRecord(record));
    },
  );

  test(
    'kill -9 of the agent at every record of a way back: it ends at the earlier version, its containers never noticed',
    { timeout: ALL_CUTS_MS },
    async () => {
      for (const record of RECORDS_BACK) await expectKept('failing', isAtRecord(record));
    },
  );

  test(
    'kill -9 of the agent and of the dpkg that it runs, in all of its states: it ends at the next version',
    { timeout: ALL_CUTS_MS },
    async () => {
      for (const state of HALF_DONE) await expectKept('next', isDpkgAt(state), 'all');
    },
  );

  test.each(['next', 'failing'] as const)(
    'a loss of power in the middle of dpkg (%s): the host boots, mends its packages and goes on, and all its containers run',
    { timeout: ALL_CUTS_MS },
    async (variant) => {
      const ended = upgrade(variant);
      await onHost(HOST, ['sh', '-c', `until ${isDpkgAt('half-installed')}; do sleep 0.005; done`]);

      await lab.cutPower(HOST);
      await lab.restorePower(HOST);

      await ended;
      await expectSettled(variant);
    },
  );
});
