import { expect, test } from 'vitest';
import { BusView } from '../../agent/core/bus-view.ts';
import type { Bus, BusEntry } from '../../model/ports.ts';
import { fleet, keys, me, upgradeOne } from './test-host.ts';

type Watch = {
  readonly prefix: string;
  readonly tell: (entries: readonly BusEntry[]) => void;
  readonly signal: AbortSignal;
};

/** A bus whose watches tell when the test says so. */
function openView(): { readonly view: BusView; readonly watches: readonly Watch[] } {
  const watches: Watch[] = [];
  const never = (): never => {
    throw new Error('only watches are asked for');
  };
  const bus: Bus = {
    ...{ read: never, list: never, write: never, keepAlive: never, close: never },
    watch: (prefix, tell, signal) => void watches.push({ prefix, tell, signal }),
  };
  const view = new BusView(bus, { fleet, host: me }, () => undefined);
  view.follow(upgradeOne, new AbortController().signal);
  return { view, watches };
}

const under = (watches: readonly Watch[], prefix: string): readonly Watch[] =>
  watches.filter((watch) => watch.prefix === prefix && !watch.signal.aborted);

const baton = (holder: string, revision: string): BusEntry => ({
  key: keys.baton(upgradeOne),
  value: JSON.stringify({ v: 1, epoch: 1, position: 0, holder }),
  revision,
});
const hold: BusEntry = { key: keys.hold(upgradeOne), value: '{}', revision: '8' };

test('a turn counts as held until the hold was read after it: a pause from before the hand-off is obeyed', () => {
  const { view, watches } = openView();
  const [chain] = under(watches, keys.upgrade(upgradeOne));
  chain?.tell([]);
  expect(view.isHeld).toBe(false);

  under(watches, keys.batonOf(upgradeOne))[0]?.tell([baton(me, '9')]);

  expect(view.baton?.baton.holder).toBe(me);
  expect(view.isHeld).toBe(true);
  // What the watch from before the turn still says counts no more.
  chain?.tell([]);
  expect(view.isHeld).toBe(true);
  const anew = under(watches, keys.upgrade(upgradeOne));
  expect(anew).toHaveLength(1);
  anew[0]?.tell([hold]);
  expect(view.isHeld).toBe(true);
  anew[0]?.tell([]);
  expect(view.isHeld).toBe(false);
});

test('another host’s turn makes nobody read anything', () => {
  const { watches } = openView();

  under(watches, keys.batonOf(upgradeOne))[0]?.tell([baton('host-2', '9')]);

  expect(watches).toHaveLength(2);
});
