import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advanceAgent, agentPhases, agentTransitions, isAtWork, isSettled } from '../../model/agent-phase.ts';
import { InvariantError } from '../../model/assert.ts';
import { advanceHost, hostStates, hostTransitions, isEnded, isFailure } from '../../model/host.ts';
import { memberTransitions } from '../../model/service.ts';
import {
  advanceUpgrade,
  isOver,
  standingTransitions,
  hopTransitions,
  upgradeTransitions,
  type UpgradeState,
} from '../../model/upgrade.ts';
import { RUNS } from './runs.ts';

type Table = Readonly<Record<string, readonly string[]>>;

const tables: readonly { name: string; table: Table; start: string }[] = [
  { name: 'agent', table: agentTransitions, start: 'idle' },
  { name: 'host', table: hostTransitions, start: 'pending' },
  { name: 'upgrade', table: upgradeTransitions, start: 'running' },
  { name: 'hop', table: hopTransitions, start: 'pending' },
  { name: 'service', table: standingTransitions, start: 'pending' },
  { name: 'member', table: memberTransitions, start: 'Active' },
];

describe.each(tables)('the $name table', ({ table, start }) => {
  test('begins with its first state', () => {
    expect(Object.keys(table)[0]).toBe(start);
  });

  test('leads to states of the table only, each named once', () => {
    for (const targets of Object.values(table)) {
      expect(Object.keys(table)).toEqual(expect.arrayContaining([...targets]));
      expect(new Set(targets).size).toBe(targets.length);
    }
  });

  test('reaches every state', () => {
    const reached = new Set([start]);
    for (const state of reached) for (const target of table[state] ?? []) reached.add(target);

    expect([...reached].sort()).toEqual(Object.keys(table).sort());
  });
});

const upgradeStates = fc.constantFrom(...(Object.keys(upgradeTransitions) as UpgradeState[]));

describe('an upgrade', () => {
  test('that is over stays over, whatever comes', () => {
    fc.assert(
      fc.property(upgradeStates, fc.array(upgradeStates), (first, wishes) => {
        let state = first;
        let end: UpgradeState | null = isOver(state) ? state : null;
        for (const wish of wishes) {
          state = attempt(() => advanceUpgrade(state, wish)) ?? state;
          end ??= isOver(state) ? state : null;
          if (end !== null) expect(state).toBe(end);
        }
      }),
      RUNS,
    );
  });

  test('goes only where its table says', () => {
    fc.assert(
      fc.property(upgradeStates, upgradeStates, (from, to) => {
        const allowed: readonly string[] = upgradeTransitions[from];

        expect(attempt(() => advanceUpgrade(from, to)) !== null).toBe(from === to || allowed.includes(to));
      }),
      RUNS,
    );
  });

  test('is over in four states', () => {
    expect(Object.keys(upgradeTransitions).filter((state) => isOver(state as UpgradeState))).toEqual([
      ...['succeeded', 'failed', 'rolledBack', 'aborted'],
    ]);
  });
});

describe('a host', () => {
  test('goes only where its table says', () => {
    const states = fc.constantFrom(...hostStates);
    fc.assert(
      fc.property(states, states, (from, to) => {
        const allowed: readonly string[] = hostTransitions[from];

        expect(attempt(() => advanceHost(from, to)) !== null).toBe(from === to || allowed.includes(to));
      }),
      RUNS,
    );
  });

  test('that was rolled back stays so', () => {
    expect(hostTransitions.rolledBack).toEqual([]);
  });

  test('that failed has ended, and can be tried again, skipped and rolled back', () => {
    for (const state of hostStates.filter(isFailure)) {
      expect(isEnded(state)).toBe(true);
      expect(hostTransitions[state]).toEqual(expect.arrayContaining(['staged', 'skipped', 'rollingBack']));
    }
  });

  test('can go back from every state in which it may have been changed', () => {
    for (const state of ['done', 'stuck', 'lost', 'failed'] as const) {
      expect(hostTransitions[state]).toContain('rollingBack');
    }
  });
});

describe('an agent', () => {
  test('goes only where its table says, and nowhere else', () => {
    const phases = fc.constantFrom(...agentPhases);
    fc.assert(
      fc.property(phases, phases, (from, to) => {
        const allowed: readonly string[] = agentTransitions[from];

        expect(attempt(() => advanceAgent(from, to)) !== null).toBe(allowed.includes(to));
      }),
      RUNS,
    );
  });

  test('is at work, settled or waits; never two of them', () => {
    expect(agentPhases.filter(isAtWork)).toEqual(['installing', 'rebooting', 'verifying', 'reverting']);
    expect(agentPhases.filter(isSettled)).toEqual(['done', 'reverted', 'stuck']);
  });

  test('at work always has a way to an end', () => {
    for (const phase of agentPhases.filter(isAtWork)) {
      const reached = new Set<string>([phase]);
      for (const state of reached) for (const target of (agentTransitions as Table)[state] ?? []) reached.add(target);

      expect(reached).toContain('reverted');
    }
  });
});

test('a transition that is not allowed is a bug, and says from where to where', () => {
  expect(() => advanceHost('done', 'staged')).toThrow(new InvariantError('transition not allowed: done to staged'));
});

/** null: it is not allowed. */
function attempt<State>(advance: () => State): State | null {
  try {
    return advance();
  } catch (error) {
    expect(error).toBeInstanceOf(InvariantError);
    return null;
  }
}
