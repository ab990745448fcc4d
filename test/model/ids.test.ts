import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  digestHex,
  isName,
  parseDigest,
  parseFleetId,
  parseHostId,
  parseStepId,
  parseUpgradeId,
} from '../../model/ids.ts';
import { RUNS } from './runs.ts';

describe('a name', () => {
  test.each(['a', '0', 'host-1', 'edge.site-7', 'a'.repeat(63), 'a.b.c', 'a--b'])('%s is one', (text) => {
    expect(isName(text)).toBe(true);
    expect(parseHostId(text)).toBe(text);
  });

  test.each(['', '-a', 'a-', '.a', 'a.', 'Host', 'a b', 'a/b', 'a_b', 'hôst', 'a'.repeat(64), 'a\n', '../a'])(
    '"%s" is none, and the error quotes it',
    (text) => {
      expect(isName(text)).toBe(false);
      expect(() => parseFleetId(text)).toThrow(`got "${text}"`);
    },
  );

  test('the error says what was expected', () => {
    expect(() => parseHostId('')).toThrow('a host name of at most 63');
    expect(() => parseFleetId('')).toThrow('a fleet name');
    expect(() => parseUpgradeId('')).toThrow('an upgrade name');
    expect(() => parseStepId('')).toThrow('a step name');
  });

  test('never holds what would leave its place in a key or a path', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'B', '1', '.', '-', '/', '\\', ' ', ':', '*', '%', '\n') }),
        (text) => {
          if (isName(text)) expect(text).toMatch(/^[a-z0-9.-]{1,63}$/);
        },
      ),
      RUNS,
    );
  });
});

describe('a digest', () => {
  const hex = 'ab'.repeat(32);

  test('is sha256 and 64 digits', () => {
    expect(parseDigest(`sha256:${hex}`)).toBe(`sha256:${hex}`);
    expect(digestHex(parseDigest(`sha256:${hex}`))).toBe(hex);
  });

  test.each(['', hex, `sha512:${hex}`, `sha256:${hex}0`, `sha256:${hex.slice(1)}`, `sha256:${hex.toUpperCase()}`])(
    '"%s" is none, and the error quotes it',
    (text) => {
      expect(() => parseDigest(text)).toThrow(`got "${text}"`);
    },
  );
});
