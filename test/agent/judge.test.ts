import { describe, expect, test } from 'vitest';
import { judgeOrder, type Verdict } from '../../agent/core/judge.ts';
import { emptyState, type AgentState } from '../../agent/core/state.ts';
import type { Order } from '../../model/bus.ts';
import { parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import {
  done,
  ended,
  orderOf,
  releaseOf,
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

describe('an order for a service', () => {
  const dns = (order: Partial<Order> = {}): Order => serviceOrderOf(['dns-1', 'dns-2'], { sequence: 2, ...order });
  const other = { service: { name: parseServiceId('web'), containers: ['web-1'] } };
  const back = (order: Partial<Order> = {}): Order => dns({ sequence: 9, action: 'revert', ...order });
  const whole = (upgrade = orderOf().upgrade): Order => orderOf({ sequence: 9, action: 'revert', upgrade });
  const installed = workOf([done]);
  const atWork = stateOf(installed, workOf([started(0)], dns()));
  const upgraded = stateOf(installed, workOf([done], dns()));
  const isStuck = stateOf(installed, workOf([started(0), reverting, stuck], dns()));
  /** The same members by another upgrade, then another service by the first. */
  const followed = stateOf(installed, workOf([done], dns()), workOf([done], dns({ upgrade: up2, sequence: 3 })));
  const both = stateOf(installed, workOf([done], dns()), workOf([done], dns({ ...other, sequence: 3 })));

  const table: readonly [string, AgentState, Order, Partial<Verdict>][] = [
    ['is accepted by a host that is on its release', isDone, dns(), { verdict: 'accept', already: false }],
    [
      'is refused by a host on another release',
      isDone,
      dns({ release: releaseOf('3') }),
      { verdict: 'refuse', busy: false },
    ],
    ['is refused by a host without a release', emptyState, dns(), { verdict: 'refuse' }],
    ['that names nobody is refused', isDone, { ...dns(), service: null }, { verdict: 'refuse', busy: false }],
    [
      'finds a host that installs busy',
      stateOf(installed, workOf([started(0)], orderOf({ sequence: 2 }))),
      dns({ sequence: 3 }),
      { verdict: 'refuse', busy: true },
    ],
    [
      'for the members at work is adopted, in whatever order they are named',
      atWork,
      serviceOrderOf(['dns-2', 'dns-1'], { epoch: 6 }),
      { verdict: 'adopt', journal: '5-2' },
    ],
    [
      'for other members finds it busy',
      atWork,
      serviceOrderOf(['dns-1'], { epoch: 6 }),
      { verdict: 'refuse', busy: true },
    ],
    ['for another service finds it busy', atWork, dns({ ...other, epoch: 6 }), { verdict: 'refuse', busy: true }],
    [
      'is accepted again for members that are done',
      upgraded,
      dns({ sequence: 3 }),
      { verdict: 'accept', already: false },
    ],
    ['takes up again what got stuck', isStuck, dns({ sequence: 3 }), { verdict: 'adopt', journal: '5-2' }],
    [
      'of another service waits for what is stuck',
      isStuck,
      dns({ ...other, sequence: 3 }),
      { verdict: 'refuse', busy: false },
    ],
    ['leaves an install busy while it is at work', atWork, orderOf({ sequence: 3 }), { verdict: 'refuse', busy: true }],
    [
      'does not stand for the install of its release',
      isStuck,
      orderOf({ sequence: 3 }),
      { verdict: 'refuse', busy: false },
    ],
    [
      'that is done leaves room for an install',
      upgraded,
      orderOf({ sequence: 3, release: releaseOf('3') }),
      { verdict: 'accept', already: false },
    ],
    [
      'that is done leaves its release installed',
      upgraded,
      orderOf({ sequence: 3 }),
      { verdict: 'accept', already: true },
    ],
    ['is taken back by its members', both, back(), { verdict: 'adopt', journal: '5-2' }],
    [
      'is taken back by any of its members',
      both,
      back({ service: serviceOrderOf(['dns-2']).service }),
      { verdict: 'adopt', journal: '5-2' },
    ],
    [
      'has nothing to take back of members that it never had',
      both,
      back({ service: serviceOrderOf(['dns-3']).service }),
      { verdict: 'reverted' },
    ],
    [
      'of another upgrade has nothing to take back, whatever the release',
      both,
      back({ upgrade: up2 }),
      { verdict: 'reverted' },
    ],
    ['that was followed for the same members is not taken back', followed, back(), { verdict: 'refuse', busy: false }],
    [
      'is taken back by its own upgrade when that came last',
      followed,
      back({ upgrade: up2 }),
      { verdict: 'adopt', journal: '5-3' },
    ],
    ['goes back before the install of its upgrade', both, whole(), { verdict: 'adopt', journal: '5-3' }],
    [
      'of another upgrade does not keep an install from going back',
      stateOf(installed, workOf([done], dns({ upgrade: up2 }))),
      whole(),
      { verdict: 'adopt', journal: '5-1' },
    ],
    [
      'that is taken back finds a host at work on another busy',
      stateOf(installed, workOf([done], dns()), workOf([started(0)], dns({ ...other, sequence: 3 }))),
      back(),
      { verdict: 'refuse', busy: true },
    ],
  ];
  test.each(table)('%s', (...[, state, order, verdict]) => {
    expect(judgeOrder(state, order)).toMatchObject(verdict);
  });
});
