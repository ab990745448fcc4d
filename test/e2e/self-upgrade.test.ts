import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildOf } from '../../model/upgrader.ts';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { LOOK_EVERY_MS } from './platform/command-line.ts';
import { openOwnUpgrader, type OwnUpgrader } from './platform/own-upgrader.ts';
import { startQuorumSamples } from './platform/quorum-samples.ts';
import { startApiRequests } from './platform/api-requests.ts';

/** Temporal goes on listing workers for a while after they have ended; ms. */
const FORGOTTEN_WITHIN_MS = 120_000;
const HOSTS = ['host-1', 'host-2', 'host-3', 'host-4'] as const;

let own: OwnUpgrader;
/** The build that the lab began with. */
let first: string;
beforeAll(async () => {
  own = await openOwnUpgrader('own');
  first = (await own.status()).current ?? 'none';
  const base = await own.publish({ version: '1.0.0' });
  expect((await own.refit(['upgrade', base])).exitCode).toBe(0);
});
afterAll(async () => own[Symbol.asyncDispose]());

const agents = async (): Promise<readonly string[]> => {
  const { hosts } = await own.json<{ hosts: readonly { agent: string }[] }>(['fleet', 'status']);
  return hosts.map(({ agent }) => agent);
};
const builds = async (): Promise<unknown> => {
  const { current, hosts } = await own.status();
  return { current, hosts };
};
const versions = (): Promise<readonly string[]> =>
  Promise.all(HOSTS.map((host) => own.onHost(host, 'cat /etc/refit-test/version')));

test('a release brings a new upgrader and a new agent: under requests both move, and no run is lost', async () => {
  const next = await own.build('two');
  const reference = await own.publish({
    version: '2.0.0',
    upgrader: next,
    agent: { mark: 'two', code: '' },
  });
  const requests = startApiRequests(own.lab);

  const answer = await own.refit(['upgrade', reference, '--id', 'own-two']);
  const seen = await requests.stop();

  const upgrade = await own.upgrade('own-two');
  const status = await own.status();
  console.info(`self-upgrade under requests: ${seen.answered} answered, longest without any ${seen.longestGapMs} ms`);
  expect(answer.exitCode, answer.stderr).toBe(0);
  expect(upgrade.state).toBe('succeeded');
  expect(status.current).toBe(buildOf(next));
  expect(status.versions.filter(({ isCurrent }) => isCurrent)).toHaveLength(1);
  expect(status.hosts.flatMap(({ containers }) => containers.map(({ build }) => build))).toEqual(
    Array.from({ length: 4 }, () => buildOf(next)),
  );
  expect(new Set(await agents())).toEqual(new Set([expect.stringMatching(/\.two$/)]));
  expect(await versions()).toEqual(HOSTS.map(() => '2.0.0'));
  expect(seen.wrong).toEqual([]);
});

test.runIf(isNightly)(
  'a successor that can’t go on with what is open is blocked, run and event named, and all stays as it was',
  async () => {
    const before = { status: await builds(), agents: await agents(), versions: await versions() };
    const broken = await own.build('broken', true);
    const reference = await own.publish({ version: '3.0.0', upgrader: broken });

    const answer = await own.refit(['upgrade', reference, '--id', 'own-blocked']);

    const upgrade = await own.upgrade('own-blocked');
    expect(answer.exitCode).toBe(1);
    expect(upgrade).toMatchObject({ state: 'failed', phase: 'self-upgrade' });
    expect(upgrade.error).toMatch(/^blocked: run \S+ of workflow \S+, event \d+: /);
    expect(await builds()).toEqual(before.status);
    expect(await agents()).toEqual(before.agents);
    expect(await versions()).toEqual(before.versions);
  },
);

test.runIf(isNightly)(
  'an agent that does not come up is taken back by its host, and stops the upgrade before anything else',
  async () => {
    const before = { agents: await agents(), versions: await versions() };
    const reference = await own.publish({ version: '4.0.0', agent: { mark: 'broken', code: 'process.exit(0);' } });

    const answer = await own.refit(['upgrade', reference, '--id', 'own-agent']);

    const upgrade = await own.upgrade('own-agent');
    expect(answer.exitCode).toBe(1);
    expect(upgrade).toMatchObject({ state: 'failed', phase: 'self-upgrade' });
    expect(upgrade.error).toContain('host-');
    expect(await agents()).toEqual(before.agents);
    expect(await versions()).toEqual(before.versions);
  },
);

test.skipIf(!isNightly).each(['serial', 'daisy-chain'])(
  'hosts that carry worker, API and etcd restart one after another (%s): the upgrade goes on, and etcd keeps its quorum',
  async (install) => {
    const version = install === 'serial' ? '5.0.0' : '6.0.0';
    const reference = await own.publish({ version, withReboot: true });
    const quorum = startQuorumSamples(own.lab);

    const answer = await own.refit(['upgrade', reference, '--install', install, '--id', `own-${install}`]);
    const samples = await quorum.stop();

    const upgrade = await own.upgrade(`own-${install}`);
    console.info(
      `${install}: ${samples.looks} looks at etcd, at most ${samples.mostAway} of ${samples.members} away, ${samples.longestStillMs} ms without a leader at most`,
    );
    expect(answer.exitCode, answer.stderr).toBe(0);
    expect(upgrade.state).toBe('succeeded');
    expect(await versions()).toEqual(HOSTS.map(() => version));
    expect(samples.looks).toBeGreaterThan(20);
    expect(samples.mostAway).toBe(1);
    const order = [...upgrade.hosts].sort((a, b) => ((a.startedAt ?? '') < (b.startedAt ?? '') ? -1 : 1));
    expect(order[0]?.name).toBe('host-4');
  },
);

test.runIf(isNightly)('the build that the fleet began with is gone', async () => {
  const look = async (): Promise<void> => {
    const { versions: known, hosts } = await own.status();
    expect(hosts.flatMap(({ containers }) => containers).some(({ build }) => build === first)).toBe(false);
    expect(known.find(({ build }) => build === first)?.workers ?? []).toEqual([]);
  };

  await eventually(look, { withinMs: FORGOTTEN_WITHIN_MS, everyMs: LOOK_EVERY_MS });
});
