import { describe, expect, it, test } from 'vitest';
import { versions } from '../../drivers/versions.ts';

it.each([
  ['1.2.3', true],
  ['1.2.3-rc.1+build.5', true],
  ['1.2', false],
  ['no version', false],
  ['', false],
])('whether "%s" is a version: %s', (text, expected) => {
  expect(versions.isVersion(text)).toBe(expected);
});

it.each([
  ['1.0.0', '2.0.0', -1],
  ['10.0.0', '9.0.0', 1],
  ['2.0.0-rc.1', '2.0.0', -1],
  ['2.0.0+build.1', '2.0.0+build.2', 0],
])('%s stands to %s as %i', (...[a, b, expected]) => {
  expect(Math.sign(versions.compare(a, b))).toBe(expected);
});

describe('what is in a range', () => {
  it.each([
    ['1.4.0', '^1.0.0', true],
    ['2.0.0', '^1.0.0', false],
    ['3.4.2', '>=3.4.2 <4.0.1', true],
    ['4.0.1', '>=3.4.2 <4.0.1', false],
    ['1.5.0-rc.1', '^1.0.0', false],
    ['1.5.0-rc.1', '>=1.5.0-rc.0 <2.0.0', true],
    ['1.6.0-rc.1', '>=1.5.0-rc.0 <2.0.0', false],
    ['1.0.0', 'no range', false],
  ])('%s in %s: %s', (...[version, range, expected]) => {
    expect(versions.isIn(version, range)).toBe(expected);
  });
});

test('a pre-release is told from a release', () => {
  expect(versions.isPreRelease('4.0.0-rc.1')).toBe(true);
  expect(versions.isPreRelease('4.0.0+build.1')).toBe(false);
});

it.each([
  ['3.5.9', '3.5.12', 0],
  ['3.5.9', '3.6.0', 1],
  ['3.6.0', '3.4.0', -2],
  ['3.6.0', '4.0.0', null],
])('from %s to %s it is so many minor versions: %s', (...[a, b, expected]) => {
  expect(versions.minorsApart(a, b)).toBe(expected);
});
