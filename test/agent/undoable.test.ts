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

/** Journals are compared by their names: two digits each, above those of up(1) to up(5). */
const hops = (of: number, count: number): readonly Work[] =>
  Array.from({ length: count }, (_, index) =>
    workOf([done], orderOf({ upgrade: hopUpgradeId(up(of).upgrade, index), sequence: 50 + index })),
  );

test('all hops of an upgrade can be undone, however many they are, and count as one', () => {
  const path = hops(5, MAX_HOPS);

  expect(journals(install(1), install(2), ...path)).toHaveLength(2 + MAX_HOPS);
  expect(journals(install(1), install(2), install(3), install(4), ...path).slice(0, 3)).toEqual([
    ...['5-3', '5-4'],
    '5-50',
  ]);
});

test('an upgrade that is ordered again and again does not fill the disk', () => {
  const again = Array.from({ length: 5 * MAX_HOPS }, () => install(1));

  expect(journals(...again).length).toBeLessThanOrEqual(3 * MAX_HOPS);
});

test('what was undone is not kept', () => {
  expect(journals(workOf([reverting, reverted], orderOf()))).toEqual([]);
});
