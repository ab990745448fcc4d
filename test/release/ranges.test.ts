import fc from 'fast-check';
import semver from 'semver';
import { describe, expect, test } from 'vitest';
import { hasLower, sharedVersion } from '../../drivers/release/ranges.ts';
import { RUNS } from '../model/runs.ts';

describe('two version ranges', () => {
  test.each([
    ['^1.0.0', '^2.0.0', null],
    ['1.x', '>=1.4.0 <1.5.0', '1.4.0'],
    ['>=3.4.2', '3.4.x || 4.0.x', '3.4.2'],
    ['*', '<0.0.1', '0.0.0'],
    ['>1.0.0', '<1.0.2', '1.0.1'],
    ['1.0.0 - 2.0.0', '2.0.0 - 3.0.0', '2.0.0'],
    // No version is in both: a pre-release is in a range only if it names one of these numbers.
    ['<2.0.0', '>=2.0.0-rc.1', null],
    ['>1.0.0 <1.0.1-rc.2', '>1.0.0 <1.0.1-rc.5', '1.0.1-0'],
    ['>2.0.0-rc.1 <2.0.0', '<2.0.0-rc.2', '2.0.0-rc.1.0'],
  ])('%s and %s share %s', (left, right, shared) => {
    expect(sharedVersion(left, right)).toBe(shared);
    expect(sharedVersion(right, left) === null).toBe(shared === null);
  });

  test('share one if any version of a small world is in both', () => {
    fc.assert(
      fc.property(ranges, ranges, (left, right) => {
        const isShared = world.some((version) => [left, right].every((range) => semver.satisfies(version, range)));
        const shared = sharedVersion(left, right);

        if (shared === null) expect(isShared).toBe(false);
        else expect([left, right].every((range) => semver.satisfies(shared, range))).toBe(true);
      }),
      RUNS,
    );
  });
});

describe('a range', () => {
  test.each([
    ['>=3.4.2', '4.0.1', true],
    ['^4.0.0', '4.1.1', true],
    ['>=4.0.1', '4.0.1', false],
    ['4.1.x || 5.x', '4.0.1', false],
    ['4.1.x || 3.x', '4.0.1', true],
    ['>4.0.1-rc.1 <4.0.1', '4.0.1', true],
  ])('%s below %s: %s', (range, version, isThere) => {
    expect(hasLower(range, version)).toBe(isThere);
  });

  test('has a lower version if any of a small world is lower and in it', () => {
    fc.assert(
      fc.property(ranges, versions, (range, version) => {
        const isThere = world.some((other) => semver.lt(other, version) && semver.satisfies(other, range));

        if (isThere) expect(hasLower(range, version)).toBe(true);
      }),
      RUNS,
    );
  });
});

const numbers = [0, 1, 2];
const world = numbers.flatMap((major) =>
  numbers.flatMap((minor) =>
    numbers.flatMap((patch) => ['-0', '-rc.1', '-rc.2', ''].map((tag) => `${major}.${minor}.${patch}${tag}`)),
  ),
);

const versions = fc.constantFrom(...world);
const comparators = fc.oneof(
  fc.tuple(fc.constantFrom('>=', '>', '<', '<=', '^', '~', '='), versions).map((parts) => parts.join('')),
  fc.constantFrom('*', '1.x', '0.1.x'),
);
const sets = fc.oneof(
  fc.array(comparators, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(' ')),
  fc.tuple(versions, versions).map(([low, high]) => `${low} - ${high}`),
);
const ranges = fc.array(sets, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(' || '));
