import { describe, expect, it } from 'vitest';
import { stateOf } from '../../client/find-upgrade.ts';
import { nextUpgradeId } from '../../client/next-upgrade-id.ts';

describe('the next upgrade’s name', () => {
  it.each([
    ['the first', [], 'lab-1'],
    ['counts on', ['lab-1', 'lab-2'], 'lab-3'],
    ['counts on from the highest, not the number of upgrades', ['lab-9', 'lab-2'], 'lab-10'],
    ['names given by hand don’t count', ['nightly', 'lab-x', 'lab-', 'lab-2a'], 'lab-1'],
    ['another fleet’s upgrades don’t count', ['lab-b-7', 'web-3'], 'lab-1'],
  ])('%s', (_, used, next) => expect(nextUpgradeId('lab', used)).toBe(next));
});

describe('the state of a run as the list has it', () => {
  it.each([
    ['RUNNING', 'paused', 'paused'],
    ['RUNNING', undefined, 'running'],
    ['COMPLETED', 'rolledBack', 'rolledBack'],
    ['COMPLETED', 'running', 'succeeded'],
    ['FAILED', 'running', 'failed'],
    ['TERMINATED', 'waiting', 'aborted'],
    ['CANCELLED', 'aborted', 'aborted'],
    ['TIMED_OUT', 'running', 'failed'],
    ['RUNNING', 'nonsense', 'running'],
  ] as const)('%s that last said %s is %s', (status, said, state) => expect(stateOf(status, said)).toBe(state));
});
