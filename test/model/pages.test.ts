import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutPages, takePage } from '../../model/pages.ts';
import { RUNS } from './runs.ts';

const texts = fc.array(fc.string({ maxLength: 40 }), { maxLength: 60 });
const rooms = fc.record({ length: fc.integer({ min: 0, max: 300 }), items: fc.integer({ min: 1, max: 12 }) });

describe('pages', () => {
  test('have every item once, in order', () => {
    fc.assert(
      fc.property(texts, rooms, (items, room) => {
        expect(cutPages(items, room).flat()).toEqual(items);
      }),
      RUNS,
    );
  });

  test('are no longer than their room, unless a single item is', () => {
    fc.assert(
      fc.property(texts, rooms, (items, room) => {
        for (const page of cutPages(items, room)) {
          expect(page.length).toBeGreaterThan(0);
          expect(page.length).toBeLessThanOrEqual(room.items);
          if (page.length > 1) expect(JSON.stringify(page).length).toBeLessThanOrEqual(room.length + 1);
        }
      }),
      RUNS,
    );
  });

  test('are as few as can be: the next item would not have fitted', () => {
    expect(takePage(['a', 'b', 'c'], { length: 8, items: 9 })).toEqual(['a', 'b']);
    expect(takePage(['a', 'b', 'c'], { length: 12, items: 9 })).toEqual(['a', 'b', 'c']);
    expect(takePage(['a', 'b', 'c'], { length: 12, items: 1 })).toEqual(['a']);
  });
});
