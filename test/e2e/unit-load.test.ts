import { expect, test } from 'vitest';
import type { Slot } from '../../model/unit.ts';
import type { ShopRequest } from './platform/shop-load/record.ts';
import { handover, measures } from './platform/shop-load.ts';

// How the load of unit.test.ts is judged: that nothing was found says something only if it would have been.

const request = (slot: Slot, startedAt: number, endedAt: number): ShopRequest => ({
  ...{ kind: 'kept', status: 200, problem: '', slot, startedAt, endedAt },
});
const before = request('blue', 1, 2);
const slow = request('blue', 1, 9);
const after = request('green', 3, 4);

test('a request that begins after the switch and is answered by the slot that was left would be found', () => {
  const late = request('blue', 5, 6);

  expect(handover([before, slow, after], { to: 'green', since: 0 })).toEqual({ at: 4, late: [], inFlight: [slow] });
  expect(handover([before, slow, after, late], { to: 'green', since: 0 }).late).toEqual([late]);
});

test('the requests of another switch are left out', () => {
  const earlier = request('green', 0.1, 0.2);

  expect(handover([earlier, before, after], { to: 'green', since: 0.5 }).at).toBe(4);
  expect(handover([before, after, request('blue', 7, 8)], { to: 'green', since: 0, until: 6 }).late).toEqual([]);
});

test('the longest time without an answer is between two that are answered at once', () => {
  const slowest: ShopRequest = { ...request('green', 2, 900), kind: 'slowKept' };

  expect(measures([before, after, request('green', 4, 50), slowest])).toEqual({
    ...{ tookMs: 49, longestMs: 46, longestGapMs: 46 },
  });
});
