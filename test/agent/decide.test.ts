import { describe, expect, test } from 'vitest';
import { decideNext, type Next, type View } from '../../agent/core/decide.ts';
import { judgeOrder, type Verdict } from '../../agent/core/judge.ts';
import { emptyState, installedRelease, phaseOf, type AgentState } from '../../agent/core/state.ts';
import type { Order } from '../../model/bus.ts';
import { parseHostId, parseUpgradeId } from '../../model/ids.ts';
import {
  done,
  ended,
  hostRelease,
  orderOf,
  rebootStep,
  releaseOf,
  reverted,
  reverting,
  started,
  stateOf,
  stuck,
  workOf,
} from './states.ts';

const up2 = parseUpgradeId('up-2');
const installing = stateOf(workOf([started(0)]));
const staged = stateOf(workOf([], orderOf({ start: 'baton' })));
const isDone = stateOf(workOf([started(0), ended(0), done]));
const two = stateOf(workOf([done]), workOf([done], orderOf({ upgrade: up2, sequence: 2, release: releaseOf('3') })));
const isStuck = stateOf(workOf([started(0), reverting, stuck]));
const answered = (busy: boolean): AgentState['answered'] => ({
  order: orderOf({ sequence: 8, release: releaseOf('3') }),
  refused: 'busy',
  probe: null,
  busy,
  reverted: false,
  at: 0,
});

describe('an order', () => {
  const table: readonly [string, AgentState, Partial<Order>, Partial<Verdict>][] = [
    ['is accepted by a host without any', emptyState, {}, { verdict: 'accept', already: false }],
    ['that is the highest seen is known', isDone, { sequence: 1 }, { verdict: 'known' }],
    ['of a lower sequence is stale', isDone, { sequence: 0 }, { verdict: 'refuse', stale: true }],
    [
      'of a lower epoch is stale, whatever its sequence',
      isDone,
      { epoch: 4, sequence: 99 },
      { verdict: 'refuse', stale: true },
    ],
    [
      'below one that was only answered is stale',
      { ...isDone, answered: answered(false) },
      { sequence: 7 },
      { verdict: 'refuse', stale: true },
    ],
    [
      'for the release that is there is accepted to be verified',
      isDone,
      { sequence: 2 },
      { verdict: 'accept', already: true },
    ],
    [
      'for the release at work is adopted',
      installing,
      { epoch: 6, upgrade: up2 },
      { verdict: 'adopt', journal: '5-1' },
    ],
    ['for a release that waits for its turn is adopted', staged, { sequence: 2 }, { verdict: 'adopt', journal: '5-1' }],
    [
      'for another release finds a host at work busy',
      installing,
      { sequence: 2, release: releaseOf('3') },
      { verdict: 'refuse', busy: true },
    ],
    [
      'for another release replaces one that waits',
      staged,
      { sequence: 2, release: releaseOf('3') },
      { verdict: 'accept' },
    ],
    ['to revert what is at work is adopted', installing, { sequence: 2, action: 'revert' }, { verdict: 'adopt' }],
    [
      'to revert another upgrade than the one at work finds it busy',
      installing,
      { sequence: 2, action: 'revert', upgrade: up2 },
      { verdict: 'refuse', busy: true },
    ],
    [
      'to revert what was installed last is adopted',
      two,
      { sequence: 3, action: 'revert', upgrade: up2, release: releaseOf('3') },
      { verdict: 'adopt', journal: '5-2' },
    ],
    [
      'to revert what was followed by another is refused',
      two,
      { sequence: 3, action: 'revert' },
      { verdict: 'refuse', busy: false },
    ],
    [
      'to revert what never was here has nothing to undo',
      isDone,
      { sequence: 2, action: 'revert', upgrade: up2, release: releaseOf('9') },
      { verdict: 'reverted' },
    ],
    [
      'to revert a release whose undo is no longer kept is refused',
      isDone,
      { sequence: 2, action: 'revert', upgrade: up2 },
      { verdict: 'refuse' },
    ],
    ['to revert what got stuck is adopted', isStuck, { sequence: 2, action: 'revert' }, { verdict: 'adopt' }],
    ['to install what got stuck takes it up again', isStuck, { sequence: 2 }, { verdict: 'adopt' }],
    [
      'to install something else on a stuck host is refused',
      isStuck,
      { sequence: 2, release: releaseOf('3') },
      { verdict: 'refuse', busy: false },
    ],
    [
      'to stand down is adopted by a host that waits',
      staged,
      { sequence: 2, action: 'stand-down' },
      { verdict: 'adopt' },
    ],
    [
      'to stand down finds a host at work busy',
      installing,
      { sequence: 2, action: 'stand-down' },
      { verdict: 'refuse', busy: true },
    ],
    [
      'to stand down is refused by a host that is done',
      isDone,
      { sequence: 2, action: 'stand-down' },
      { verdict: 'refuse' },
    ],
    ['to stand down is nothing to a host without any', emptyState, { action: 'stand-down' }, { verdict: 'reverted' }],
    ['to probe is done by a host at rest', isDone, { sequence: 2, action: 'probe' }, { verdict: 'probe' }],
    [
      'to probe finds a host at work busy',
      installing,
      { sequence: 2, action: 'probe' },
      { verdict: 'refuse', busy: true },
    ],
    [
      'is refused with a corrupt journal',
      { ...emptyState, corrupt: 'journal x is corrupt' },
      {},
      { verdict: 'refuse', stale: false },
    ],
    [
      'that found the host busy is judged anew when it is free',
      { ...isDone, answered: answered(true) },
      { sequence: 8, release: releaseOf('3') },
      { verdict: 'accept' },
    ],
    [
      'that found the host busy is known while it is',
      { ...installing, answered: answered(true) },
      { sequence: 8, release: releaseOf('3') },
      { verdict: 'known' },
    ],
  ];
  test.each(table)('%s', (...[, state, order, verdict]) => {
    expect(judgeOrder(state, orderOf(order))).toMatchObject(verdict);
  });
});

describe('next', () => {
  const me = parseHostId('host-1');
  const view: View = { me, baton: null, isHeld: false, now: 2_000 };
  const baton = { v: 1, epoch: 5, position: 0, holder: me } as const;
  const boots = hostRelease([rebootStep, ...hostRelease().steps]);
  const undone = (index: number) => ({ type: 'undoFinished', index }) as const;
  const failed = (index: number) => ({ type: 'undoFailed', index, message: 'no' }) as const;
  const table: readonly [string, AgentState, Partial<View>, Partial<Next>][] = [
    ['a host without work rests', emptyState, {}, { next: 'rest' }],
    ['work without a baton waits', staged, {}, { next: 'rest' }],
    ['work begins when the baton is here', staged, { baton }, { next: 'begin' }],
    ['work waits while an operator holds the chain', staged, { baton, isHeld: true }, { next: 'rest' }],
    ['work waits for a baton of its own epoch', staged, { baton: { ...baton, epoch: 4 } }, { next: 'rest' }],
    ['the first step comes first', stateOf(workOf([])), {}, { next: 'step', index: 0 }],
    ['a step that was begun is looked at again', installing, {}, { next: 'step', index: 0 }],
    ['the second step comes after the first', stateOf(workOf([ended(0)])), {}, { next: 'step', index: 1 }],
    ['all steps there are verified', stateOf(workOf([ended(0), ended(1)])), {}, { next: 'verify' }],
    ['a deadline ends the way forward', installing, { now: 61_000 }, { next: 'fail' }],
    [
      'a deadline does not end the way back',
      stateOf(workOf([started(0), reverting])),
      { now: 61_000 },
      { next: 'undo', index: 0 },
    ],
    [
      'the last step that was begun is undone first',
      stateOf(workOf([started(0), ended(0), started(1), reverting])),
      {},
      { next: 'undo', index: 1 },
    ],
    [
      'a step that was there already is not undone',
      stateOf(workOf([ended(0), started(1), reverting, undone(1), { type: 'settled', index: 1 }])),
      {},
      { next: 'finish', phase: 'reverted' },
    ],
    [
      'what is undone settles from the first',
      stateOf(workOf([started(0), started(1), reverting, undone(1), undone(0)])),
      {},
      { next: 'settle', index: 0 },
    ],
    [
      'a reboot settles before what would not outlive it',
      stateOf(
        workOf(
          [started(1), started(0), reverting, undone(0), undone(1)],
          orderOf(),
          hostRelease([...hostRelease().steps.slice(0, 1), rebootStep]),
        ),
      ),
      {},
      { next: 'settle', index: 1 },
    ],
    [
      'an undo is tried three times',
      stateOf(workOf([started(0), reverting, failed(0), failed(0)])),
      {},
      { next: 'undo', index: 0 },
    ],
    [
      'an undo that failed three times needs a person',
      stateOf(workOf([started(0), reverting, failed(0), failed(0), failed(0)])),
      {},
      { next: 'finish', phase: 'stuck' },
    ],
    [
      'a host that is done hands the baton on',
      stateOf(workOf([done], orderOf({ start: 'baton' }))),
      { baton },
      { next: 'handOff' },
    ],
    [
      'a held chain is still handed on',
      stateOf(workOf([done], orderOf({ start: 'baton' }))),
      { baton, isHeld: true },
      { next: 'handOff' },
    ],
    [
      'a host that reverted keeps the baton',
      stateOf(workOf([reverting, reverted], orderOf({ start: 'baton' }))),
      { baton },
      { next: 'rest' },
    ],
    ['a host that was not ordered by baton leaves it alone', isDone, { baton }, { next: 'rest' }],
    ['nothing is done with a corrupt journal', { ...installing, corrupt: 'x' }, {}, { next: 'rest' }],
    ['a reboot step is a step', stateOf(workOf([], orderOf(), boots)), {}, { next: 'step', index: 0 }],
  ];
  test.each(table)('%s', (...[, state, more, next]) => {
    expect(decideNext(state, { ...view, ...more })).toMatchObject(next);
  });
});

describe('the phase', () => {
  const table: readonly [string, AgentState][] = [
    ['idle', emptyState],
    ['staged', staged],
    ['installing', installing],
    ['rebooting', stateOf(workOf([started(0)], orderOf(), hostRelease([rebootStep])))],
    ['verifying', stateOf(workOf([ended(0), ended(1)]))],
    ['done', isDone],
    ['reverting', stateOf(workOf([started(0), reverting]))],
    ['reverted', stateOf(workOf([reverting, reverted]))],
    ['stuck', isStuck],
    ['stuck', { ...isDone, corrupt: 'x' }],
  ];
  test.each(table)('is %s', (phase, state) => {
    expect(phaseOf(state)).toBe(phase);
  });

  test('follows a revert to its end, over all that the upgrade did', () => {
    const order = orderOf({ sequence: 9, action: 'revert' });
    const again = workOf([done, { type: 'adopted', order }, reverted], orderOf({ sequence: 2 }));
    const state = stateOf(workOf([done]), again);

    expect(phaseOf(state)).toBe('reverting');
    expect(decideNext(state, { me: parseHostId('h'), baton: null, isHeld: false, now: 0 })).toEqual({
      next: 'revertNext',
      journal: '5-1',
    });
  });
});

test('the installed release is the newest one in effect, else what was before the oldest', () => {
  const before = { name: 'sample', version: '1', digest: releaseOf('1').digest };
  const first = { ...workOf([done]), before };

  expect(installedRelease(two)?.version).toBe('3');
  expect(installedRelease(stateOf({ ...first, inEffect: false }))).toEqual(before);
  expect(installedRelease(emptyState)).toBeNull();
});
