import { describe, expect, it } from 'vitest';
import { estimateTime, turnsOf } from '../../client/estimate.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import { planWaves } from '../../model/plan.ts';
import type { Progress } from '../../model/upgrade.ts';
import { makeHop, planHosts, threeHops } from './plans.ts';
import { BEGAN, makeHost, makeProgress } from './progress.ts';

/** An upgrade that succeeded, whose hosts took so long. */
const earlier = (id: string, ...tookMs: readonly number[]): Progress =>
  makeProgress({
    id: parseUpgradeId(id),
    state: 'succeeded',
    hosts: tookMs.map((ms, index) =>
      makeHost(`host-${index}`, { state: 'done', startedAt: BEGAN, finishedAt: BEGAN + ms }),
    ),
  });

describe('the estimate of a plan’s time', () => {
  it('is the median install of earlier upgrades times the installs that go one after another', () => {
    const estimate = estimateTime([earlier('lab-2', 10_000, 30_000), earlier('lab-1', 500_000)], threeHops());

    expect(estimate).toEqual({
      estimate: 'known',
      installMs: 9 * 30_000,
      hops: ['4.0.1', '4.1.1', '4.2.0'].map((to) => ({ to, turns: 3, installMs: 90_000 })),
      hostMs: 30_000,
      hosts: 3,
      upgrades: ['lab-2', 'lab-1'],
    });
  });

  it('takes the middle of two medians', () => {
    expect(estimateTime([earlier('lab-1', 10_000, 20_000)], [makeHop('2.0.0', planHosts(1, null))])).toMatchObject({
      installMs: 15_000,
    });
  });

  it('counts no host that was left, taken back or there already, and no upgrade that did not succeed', () => {
    const times = { startedAt: BEGAN, finishedAt: BEGAN + 99_000 };
    const hosts = [
      makeHost('host-1', { state: 'done', startedAt: BEGAN, finishedAt: BEGAN + 5_000 }),
      ...(['skipped', 'alreadyThere', 'reverted'] as const).map((state) =>
        makeHost(`host-${state.toLowerCase()}`, { state, ...times }),
      ),
      makeHost('host-9', { state: 'done', startedAt: BEGAN, finishedAt: null }),
    ];
    const rolledBack = { ...earlier('lab-1', 99_000), state: 'rolledBack' as const };

    expect(
      estimateTime([makeProgress({ state: 'succeeded', hosts }), rolledBack], [makeHop('2.0.0', planHosts(2, null))]),
    ).toMatchObject({ hostMs: 5_000, hosts: 1, installMs: 10_000, upgrades: ['lab-7'] });
  });

  it('says that there is nothing to judge by', () => {
    expect(estimateTime([], threeHops())).toEqual({
      estimate: 'none',
      because: 'there is no earlier upgrade to judge by',
    });
  });

  it('says who could not be asked', () => {
    const because = 'temporal at 127.0.0.1:1 does not answer; start it';

    expect(estimateTime(because, threeHops())).toEqual({ estimate: 'none', because });
  });
});

describe('installs that go one after another', () => {
  const hosts = planHosts(11, '1.0.0');

  it.each([
    ['serial', { strategy: 'serial' }, 11],
    ['a daisy chain', { strategy: 'daisy-chain' }, 11],
    ['waves of 1 and 5', { strategy: 'waves', sizes: [{ hosts: 1 }, { hosts: 5 }], maxUnavailable: null }, 3],
    ['a gatekeeper in its wave', { strategy: 'waves', sizes: [{ hosts: 11 }], maxUnavailable: null }, 2],
    ['two away at once', { strategy: 'waves', sizes: [{ hosts: 1 }, { hosts: 5 }], maxUnavailable: { hosts: 2 } }, 7],
  ] as const)('%s', (_, install, turns) => expect(turnsOf(planWaves(hosts, install))).toBe(turns));

  it('are none where no host has to be installed', () => expect(turnsOf([])).toBe(0));
});
