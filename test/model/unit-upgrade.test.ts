import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../model/assert.ts';
import {
  advanceUnitStep,
  JOB_OUTPUT_LENGTH,
  lastLines,
  unitSteps,
  unitStepTransitions,
  type UnitStepState,
} from '../../model/unit-upgrade.ts';
import { hasNoWayBack, otherSlot, slots } from '../../model/unit.ts';
import { RUNS } from './runs.ts';
import { unitMigration } from './units.ts';

const states = Object.keys(unitStepTransitions) as UnitStepState[];
const state = fc.constantFrom(...states);

describe('a step of a unit’s upgrade', () => {
  test('goes only where its table says', () => {
    fc.assert(
      fc.property(state, state, (from, to) => {
        const allowed: readonly string[] = unitStepTransitions[from];
        const isAllowed = from === to || allowed.includes(to);

        if (isAllowed) expect(advanceUnitStep(from, to)).toBe(to);
        else expect(() => advanceUnitStep(from, to)).toThrow(InvariantError);
      }),
      RUNS,
    );
  });

  test('reaches every state, and can be done again from each in which it has ended', () => {
    const reached = new Set<string>(['pending']);
    for (const from of states) for (const to of unitStepTransitions[from]) reached.add(to);

    expect([...reached].sort()).toEqual([...states].sort());
    for (const ended of ['done', 'failed', 'skipped'] as const) expect(unitStepTransitions[ended]).toContain('running');
  });

  test('is never pending again', () => {
    for (const from of states) expect(unitStepTransitions[from]).not.toContain('pending');
  });

  test('has one place in the order: tests and confirm before the cutover, removal after it', () => {
    const order = ['tests', 'confirm', 'approval', 'cutover', 'soak', 'keep', 'delete', 'contract'] as const;
    const places = order.map((step) => unitSteps.indexOf(step));

    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(new Set(unitSteps).size).toBe(unitSteps.length);
  });
});

describe('the end of an output', () => {
  test('has as many whole lines as fit', () => {
    expect(lastLines('one\ntwo\nthree', 9)).toBe('three');
    expect(lastLines('one\ntwo\nthree', 13)).toBe('one\ntwo\nthree');
  });

  test('of one long line is its end', () => {
    expect(lastLines('abcdef', 3)).toBe('def');
  });

  test('is never longer than it may be, and always its end', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 20 }), fc.nat({ max: JOB_OUTPUT_LENGTH }), (lines, length) => {
        const output = lines.join('\n');

        const kept = lastLines(output, length);

        expect(kept.length).toBeLessThanOrEqual(length);
        expect(output.endsWith(kept)).toBe(true);
      }),
      RUNS,
    );
  });
});

describe('a migration', () => {
  test.each([
    [{ down: null, compatible: false }, true],
    [{ down: ['back'], compatible: false }, false],
    [{ down: null, compatible: true }, false],
    [{ down: null, compatible: false, when: 'contract' }, false],
  ] as const)('%o has no way back: %s', (changes, expected) => {
    expect(hasNoWayBack(unitMigration('split', changes))).toBe(expected);
  });
});

test('the other slot of the other slot is the slot', () => {
  for (const slot of slots) {
    expect(otherSlot(slot)).not.toBe(slot);
    expect(otherSlot(otherSlot(slot))).toBe(slot);
  }
});
