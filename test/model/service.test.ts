import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countOf } from '../../model/policy.ts';
import {
  advanceMember,
  countAll,
  countOfState,
  countStates,
  isAvailable,
  leastAvailable,
  MAX_MEMBERS,
  mayServe,
  memberTransitions,
  planPhases,
  serverOf,
  type Member,
  type MemberProgress,
  type MemberState,
  type ServicePolicy,
} from '../../model/service.ts';
import { amounts, hostNames, RUNS } from './runs.ts';

const servers = fc.option(
  fc.record({
    name: fc.constant('s'),
    state: fc.constantFrom('ready' as const, 'ready' as const, 'drain' as const, 'maintenance' as const),
    healthy: fc.boolean(),
  }),
);
const members: fc.Arbitrary<readonly Member[]> = fc
  .array(fc.record({ running: fc.boolean(), server: servers }), { maxLength: MAX_MEMBERS })
  .map((states) => states.map((state, index) => member(index, state)));
const policies: fc.Arbitrary<Pick<ServicePolicy, 'strategy' | 'minAvailable'>> = fc.record({
  strategy: fc.oneof(
    fc.constant({ strategy: 'inPlace' as const }),
    fc.record({ strategy: fc.constant('phases' as const), size: amounts }),
  ),
  minAvailable: fc.option(amounts),
});

function member(index: number, state: Pick<Member, 'running' | 'server'>): Member {
  const [host] = hostNames(index + 1).slice(-1);
  if (host === undefined) throw new Error('there is a host');
  const image = `registry.lab:5000/shop/web@sha256:${'1'.repeat(64)}`;
  const id = '4'.repeat(64);
  return { host, container: `web-${index + 1}`, id, image, imageId: `sha256:${'2'.repeat(64)}`, ...state };
}

describe('the phases of a service', () => {
  test('take every member once', () => {
    fc.assert(
      fc.property(members, policies, (given, policy) => {
        const phases = planPhases(given, policy);

        if (phases !== null) expect(new Set(phases.flat())).toEqual(new Set(given));
        if (phases !== null) expect(phases.flat()).toHaveLength(given.length);
      }),
      RUNS,
    );
  });

  test('never leave fewer members available than allowed, when what was upgraded serves again', () => {
    fc.assert(
      fc.property(members, policies, (given, policy) => {
        const phases = planPhases(given, policy) ?? [];
        const serving = new Set(given.filter(isAvailable));
        for (const phase of phases) {
          const costs = phase.some((each) => serving.has(each));
          for (const taken of phase) serving.delete(taken);
          if (costs) expect(serving.size).toBeGreaterThanOrEqual(leastAvailable(policy, given.length));
          for (const back of phase.filter(mayServe)) serving.add(back);
        }
      }),
      RUNS,
    );
  });

  test('are no larger than the strategy says', () => {
    fc.assert(
      fc.property(members, policies, (given, policy) => {
        const { strategy } = policy;
        const size = strategy.strategy === 'phases' ? Math.max(1, countOf(strategy.size, given.length)) : 1;

        for (const phase of planPhases(given, policy) ?? []) expect(phase.length).toBeLessThanOrEqual(size);
      }),
      RUNS,
    );
  });

  test('are none only if not even one member can be spared', () => {
    fc.assert(
      fc.property(members, policies, (given, policy) => {
        const spare = given.filter(mayServe).length - leastAvailable(policy, given.length);

        expect(planPhases(given, policy) === null).toBe(given.some(isAvailable) && spare < 1);
      }),
      RUNS,
    );
  });

  test('begin with the members that do not serve', () => {
    const stopped = member(1, { running: false, server: null });
    const given = [member(0, { running: true, server: null }), stopped, member(2, { running: true, server: null })];

    const phases = planPhases(given, { strategy: { strategy: 'phases', size: { hosts: 2 } }, minAvailable: null });

    expect(phases?.[0]).toEqual([stopped]);
  });

  test('are one when all go at once', () => {
    const given = [member(0, { running: true, server: null }), member(1, { running: false, server: null })];

    expect(planPhases(given, { strategy: { strategy: 'allAtOnce' }, minAvailable: { hosts: 2 } })).toEqual([given]);
  });
});

test('a member goes only where the table leads', () => {
  expect(advanceMember('Active', 'Updating')).toBe('Updating');
  expect(() => advanceMember('Active', 'RolledBack')).toThrow('transition not allowed: Active to RolledBack');
  expect(
    Object.values(memberTransitions)
      .flat()
      .every((state) => state in memberTransitions),
  ).toBe(true);
});

test('a server is named after its host and container', () => {
  const [host] = hostNames(1);
  if (host === undefined) throw new Error('there is a host');
  const balancer = { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' };

  expect(serverOf(balancer, { host, container: 'web-2' })).toBe('host-1-web-2');
});

test('members that a record has no room for are counted all the same', () => {
  const members = [{ ...progressOf('Failed') }, { ...progressOf('Active') }];
  const record = { members, membersLeftOut: countStates([progressOf('Active'), progressOf('Active')]) };

  expect(countAll(record)).toBe(4);
  expect([countOfState(record, 'Active'), countOfState(record, 'Failed')]).toEqual([3, 1]);
  expect([countAll({ members }), countOfState({ members }, 'RolledBack')]).toEqual([2, 0]);
});

function progressOf(state: MemberState): MemberProgress {
  const { host, container } = member(0, { running: true, server: null });
  return { host, container, state, stage: null, from: 'web:1', to: null, awayMs: null };
}
