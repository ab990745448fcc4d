import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countOf, defaultPolicy, formatAmount, parseAmount } from '../../model/policy.ts';
import { amounts, RUNS } from './runs.ts';

describe('an amount', () => {
  test.each([
    ['5', { hosts: 5 }],
    [' 5 ', { hosts: 5 }],
    ['0', { hosts: 0 }],
    ['25%', { percent: 25 }],
    ['100%', { percent: 100 }],
    ['999999', { hosts: 999_999 }],
  ])('%s is read', (text, amount) => {
    expect(parseAmount(text)).toEqual(amount);
  });

  test.each(['', '%', '-1', '1.5', '5 %', '101%', '1e3', '1000000', 'all', '5%%'])(
    '"%s" is refused, and quoted',
    (text) => {
      expect(() => parseAmount(text)).toThrow(`got "${text}"`);
    },
  );

  test('is read as it was written', () => {
    fc.assert(
      fc.property(amounts, (amount) => {
        expect(parseAmount(formatAmount(amount))).toEqual(amount);
      }),
      RUNS,
    );
  });

  test('no text but an amount is read', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(text.trim()).toContain(formatAmount(parseAmount(text)).replace('%', ''));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      RUNS,
    );
  });

  test.each([
    ['5', 3, 5],
    ['25%', 8, 2],
    ['25%', 9, 3],
    ['1%', 3, 1],
    ['0%', 3, 0],
    ['50%', 0, 0],
  ])('%s of %i hosts are %i', (text, total, count) => {
    expect(countOf(parseAmount(text), total)).toBe(count);
  });
});

test('the default policy touches one host at a time, and asks when one fails', () => {
  expect(defaultPolicy).toMatchObject({
    install: { strategy: 'serial' },
    onFailure: 'pause',
    maxFailures: { hosts: 0 },
  });
});
