import { expect, test } from 'vitest';
import { undoableWorks } from '../../agent/core/undoable.ts';
import type { Work } from '../../agent/core/state.ts';
import { hopUpgradeId, parseUpgradeId } from '../../model/ids.ts';
import { MAX_HOPS } from '../../model/plan.ts';
import { done, orderOf, reverted, reverting, serviceOrderOf, stateOf, workOf } from './states.ts';

const up = (number: number): { readonly upgrade: ReturnType<typeof parseUpgradeId>; readonly sequence: number } => ({
  upgrade: parseUpgradeId(`up-${number}`),
  sequence: number,
});
const install = (number: number): Work => workOf([done], orderOf(up(number)));
const dns = (number: number, container = 'dns-1'): Work => workOf([done], serviceOrderOf([container], up(number)));
const journals = (...works: readonly Work[]): readonly string[] =>
  undoableWorks(stateOf(...works)).map(({ journal }) => journal);

test('the last three installs can be undone, whatever was done to services since', () => {
  expect(journals(install(1), install(2), install(3), install(4), dns(5), dns(6))).toEqual([
    ...['5-2', '5-3', '5-4'],
    ...['5-5', '5-6'],
  ]);
});

test('the last three upgrades of a service can be undone, with all of their orders', () => {
  const first = workOf([done], serviceOrderOf(['dns-2'], { ...up(1), sequence: 2 }));

  expect(journals(dns(1), first, dns(3), dns(4))).toEqual(['5-1', '5-2', '5-3', '5-4']);
  expect(journals(dns(1), first, dns(3), dns(4), dns(5))).toEqual(['5-3', '5-4', '5-5']);
});

test('all hops of an upgrade can be undone, however many they are, and count as one', () => {
  const hops = Array.from({ length: MAX_HOPS }, (_, index) =>
    workOf([done], orderOf({ upgrade: hopUpgradeId(up(5).upgrade, index), sequence: 10 + index })),
  );

  expect(journals(install(1), install(2), ...hops)).toHaveLength(2 + MAX_HOPS);
  expect(journals(install(1), install(2), install(3), install(4), ...hops)).toHaveLength(2 + MAX_HOPS);
});

test('what was undone is not kept', () => {
  expect(journals(workOf([reverting, reverted], orderOf()))).toEqual([]);
});
