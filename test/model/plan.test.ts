import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MAX_WAVE_HOSTS,
  packWaves,
  planMigrations,
  planWaves,
  plannedHosts as hostsOfHop,
  unpackWaves,
} from '../../model/plan.ts';
import { migration } from '../fakes/release.ts';
import { plannedHosts, RUNS, strategies } from './runs.ts';

describe('whatever the strategy', () => {
  const cases = [fc.nat({ max: 300 }), strategies] as const;

  test('every host stands in one wave, in the order of the fleet file', () => {
    fc.assert(
      fc.property(...cases, (count, install) => {
        const hosts = plannedHosts(count);

        expect(planWaves(hosts, install).flatMap((wave) => wave.hosts)).toEqual(hosts);
      }),
      RUNS,
    );
  });

  test('planning twice changes nothing', () => {
    fc.assert(
      fc.property(...cases, (count, install) => {
        const waves = planWaves(plannedHosts(count), install);
        const again = planWaves(
          waves.flatMap((wave) => wave.hosts),
          install,
        );

        expect(again).toEqual(waves);
      }),
      RUNS,
    );
  });

  test('no wave is empty, and names are unique', () => {
    fc.assert(
      fc.property(...cases, (count, install) => {
        const waves = planWaves(plannedHosts(count), install);

        expect(waves.every((wave) => wave.hosts.length > 0)).toBe(true);
        expect(new Set(waves.map(({ name }) => name)).size).toBe(waves.length);
      }),
      RUNS,
    );
  });

  test('the first wave has the gatekeeper, and no other', () => {
    fc.assert(
      fc.property(...cases, (count, install) => {
        const gatekeepers = planWaves(plannedHosts(count), install).map(({ gatekeeper }) => gatekeeper);

        expect(gatekeepers).toEqual(gatekeepers.map((_, index) => index === 0));
      }),
      RUNS,
    );
  });

  test('at least one host of a wave may be away, and never more than it has', () => {
    fc.assert(
      fc.property(...cases, (count, install) => {
        for (const { maxUnavailable, hosts } of planWaves(plannedHosts(count), install)) {
          expect(maxUnavailable).toBeGreaterThanOrEqual(1);
          expect(maxUnavailable).toBeLessThanOrEqual(hosts.length);
        }
      }),
      RUNS,
    );
  });

  test('a wave that the worker orders host by host fits into one child', () => {
    fc.assert(
      fc.property(...cases, (count, install) => {
        const ordered = planWaves(plannedHosts(count), install).filter(({ start }) => start === 'now');

        expect(ordered.every(({ hosts }) => hosts.length <= MAX_WAVE_HOSTS)).toBe(true);
      }),
      RUNS,
    );
  });
});

describe('sizes', () => {
  const waves = (sizes: Extract<Parameters<typeof planWaves>[1], { strategy: 'waves' }>['sizes']) =>
    ({ strategy: 'waves', sizes, maxUnavailable: null }) as const;

  test.each([
    {
      name: '1, 5, 25% of 40',
      count: 40,
      sizes: [{ hosts: 1 }, { hosts: 5 }, { percent: 25 }],
      cut: [1, 5, 10, 10, 10, 4],
    },
    { name: 'the last one goes on', count: 5, sizes: [{ hosts: 2 }], cut: [2, 2, 1] },
    { name: 'a share is rounded up', count: 7, sizes: [{ percent: 25 }], cut: [2, 2, 2, 1] },
    { name: 'nothing means one', count: 3, sizes: [{ hosts: 0 }, { percent: 0 }], cut: [1, 1, 1] },
    { name: 'more than there are', count: 3, sizes: [{ hosts: 9 }], cut: [3] },
    { name: 'larger than a child', count: 150, sizes: [{ percent: 100 }], cut: [64, 64, 22] },
  ])('$name', ({ count, sizes, cut }) => {
    const sizesOf = planWaves(plannedHosts(count), waves(sizes)).map(({ hosts }) => hosts.length);

    expect(sizesOf).toEqual(cut);
  });

  test('maxUnavailable is a share of the fleet, not of the wave', () => {
    const install = { strategy: 'waves', sizes: [{ hosts: 10 }], maxUnavailable: { percent: 10 } } as const;

    expect(planWaves(plannedHosts(20), install).map(({ maxUnavailable }) => maxUnavailable)).toEqual([2, 2]);
  });
});

test('serial lets one host away at a time, also where a long fleet is cut', () => {
  const waves = planWaves(plannedHosts(130), { strategy: 'serial' });

  expect(waves.map(({ name, maxUnavailable, hosts }) => [name, maxUnavailable, hosts.length])).toEqual([
    ['serial-1', 1, 64],
    ['serial-2', 1, 64],
    ['serial-3', 1, 2],
  ]);
});

test('a daisy chain is one wave, however long the fleet', () => {
  const waves = planWaves(plannedHosts(1_000), { strategy: 'daisy-chain' });

  expect(waves.map(({ name, start, hosts }) => [name, start, hosts.length])).toEqual([['chain', 'baton', 1_000]]);
});

test('a host that stands twice in a fleet is a bug', () => {
  const [host] = plannedHosts(1);

  expect(() => planWaves([...plannedHosts(2), ...(host === undefined ? [] : [host])], { strategy: 'serial' })).toThrow(
    'a host stands once in a plan',
  );
});

describe('waves on their way through a payload', () => {
  test('are the same when they come out', () => {
    fc.assert(
      fc.property(fc.nat({ max: 300 }), strategies, (count, install) => {
        const waves = planWaves(plannedHosts(count), install);

        expect(unpackWaves(packWaves(waves))).toEqual(waves.map((wave) => ({ ...wave, hosts: wave.hosts.length })));
      }),
      RUNS,
    );
  });

  test.each([
    { name: 'serial', install: { strategy: 'serial' } as const },
    { name: 'waves of one', install: { strategy: 'waves', sizes: [{ hosts: 1 }], maxUnavailable: null } as const },
  ])('$name of 10,000 hosts take no more room than a few', ({ install }) => {
    const packed = packWaves(planWaves(plannedHosts(10_000), install));

    expect(packed.length).toBeLessThanOrEqual(3);
  });
});

test('the hosts of a hop are those of its waves, then those that are there already', () => {
  const [first, second, third] = plannedHosts(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('three hosts');
  const hop = { waves: planWaves([first, third], { strategy: 'serial' }), alreadyThere: [second] };

  expect(hostsOfHop(hop)).toEqual([first, third, second]);
});

test('migrations are planned before the services, then after them, each in declared order', () => {
  const migrations = [
    migration('drop-old', { when: 'contract', down: null }),
    migration('add-column'),
    migration('add-index', { down: null, compatible: true }),
  ];

  expect(planMigrations({ migrations })).toEqual([
    { name: 'add-column', when: 'expand', hasDown: true, isPointOfNoReturn: false },
    { name: 'add-index', when: 'expand', hasDown: false, isPointOfNoReturn: false },
    { name: 'drop-old', when: 'contract', hasDown: false, isPointOfNoReturn: true },
  ]);
});
