import fc from 'fast-check';
import { expect, test } from 'vitest';
import { draw, isNightly, sample, sampleOfNumbers } from './nightly.ts';

const items = ['a', 'b', 'c', 'd', 'e'] as const;

test('a sample has as many items as were asked for, each once, and in their order', () => {
  fc.assert(
    fc.property(fc.nat({ max: items.length }), fc.nat(), (count, seed) => {
      const drawn = draw(items, { count, seed });

      expect(drawn).toHaveLength(count);
      expect(drawn).toEqual(items.filter((item) => drawn.includes(item)));
    }),
  );
});

test('the same seed draws the same sample, and over many seeds every item has its turn', () => {
  const samples = Array.from({ length: 100 }, (_, seed) => draw(items, { count: 2, seed }));

  expect(Array.from({ length: 100 }, (_, seed) => draw(items, { count: 2, seed }))).toEqual(samples);
  expect(new Set(samples.flat())).toEqual(new Set(items));
});

test('the nightly run takes all, and the ordinary one what was asked for', () => {
  expect(sample('letters', items, 2)).toHaveLength(isNightly ? items.length : 2);
  expect(sample('letters', items, items.length)).toEqual(items);
});

test('of numbers, the ordinary run takes one of so many in a row', () => {
  const numbers = sampleOfNumbers('numbers', 12, 3);

  expect(numbers).toHaveLength(isNightly ? 12 : 4);
  expect(new Set(numbers.map((each) => each % 3)).size).toBe(isNightly ? 3 : 1);
});
