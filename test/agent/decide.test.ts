import { describe, expect, test } from 'vitest';
import { decideNext, type Next, type View } from '../../agent/core/decide.ts';
import { emptyState, installedRelease, phaseOf, type AgentState } from '../../agent/core/state.ts';
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
  serviceOrderOf,
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

  test('follows a revert of a whole upgrade over its services to the install', () => {
    const back = orderOf({ sequence: 9, action: 'revert' });
    const web = workOf([done, { type: 'adopted', order: back }, reverted], serviceOrderOf(['web-1'], { sequence: 3 }));
    const dns = workOf([done], serviceOrderOf(['dns-1'], { sequence: 2 }));
    const dnsBack = workOf(
      [done, { type: 'adopted', order: back }, reverted],
      serviceOrderOf(['dns-1'], { sequence: 2 }),
    );

    expect(nextOf(stateOf(workOf([done]), dns, web))).toEqual({ next: 'revertNext', journal: '5-2' });
    expect(nextOf(stateOf(workOf([done]), dnsBack, web))).toEqual({ next: 'revertNext', journal: '5-1' });
  });

  test('follows a revert of a service over its orders, and no further', () => {
    const { service } = serviceOrderOf(['dns-1', 'dns-2']);
    const back = orderOf({ sequence: 9, action: 'revert', service });
    const first = workOf([done], serviceOrderOf(['dns-1'], { sequence: 2 }));
    const web = workOf([done], serviceOrderOf(['web-1'], { sequence: 3 }));
    const second = [done, { type: 'adopted', order: back } as const, reverted];
    const state = stateOf(workOf([done]), first, web, workOf(second, serviceOrderOf(['dns-2'], { sequence: 4 })));
    const firstBack = workOf([...second], serviceOrderOf(['dns-1'], { sequence: 2 }));
    const over = stateOf(workOf([done]), firstBack, web, workOf(second, serviceOrderOf(['dns-2'], { sequence: 4 })));

    expect(nextOf(state)).toEqual({ next: 'revertNext', journal: '5-2' });
    expect(nextOf(over)).toEqual({ next: 'rest' });
    expect(phaseOf(over)).toBe('reverted');
  });
});

const nextOf = (state: AgentState): Next =>
  decideNext(state, { me: parseHostId('h'), baton: null, isHeld: false, now: 0 });

test('the installed release is the newest one in effect, else what was before the oldest', () => {
  const before = { name: 'sample', version: '1', digest: releaseOf('1').digest };
  const first = { ...workOf([done]), before };

  expect(installedRelease(two)?.version).toBe('3');
  expect(installedRelease(stateOf({ ...first, inEffect: false }))).toEqual(before);
  expect(installedRelease(emptyState)).toBeNull();
  const members = workOf([done], serviceOrderOf(['dns-1'], { sequence: 2 }));
  expect(installedRelease(stateOf(first, members))?.version).toBe('2');
  expect(installedRelease(stateOf({ ...members, before }))).toEqual(before);
  const again = workOf([done, reverting, reverted], orderOf({ sequence: 3 }));
  expect(installedRelease(stateOf({ ...members, before }, again))).toBeNull();
});
