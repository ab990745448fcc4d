import { describe, expect, it } from 'vitest';
import { versionJump } from '../../drivers/version-jump.ts';
import { parseDigest } from '../../model/ids.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const jump = (from: string | null, to: string, upgradesFrom: readonly string[] = []): string =>
  versionJump({ version: to, upgradesFrom }, from === null ? null : { name: 'sample', version: from, digest });

describe('how an installed release stands to the next', () => {
  it('is no jump where nothing is installed', () => {
    expect(jump(null, '2.0.0', ['^1.0.0'])).toBe('none');
  });

  it.each([
    ['1.0.0', '2.0.0', [], 'supported'],
    ['1.4.0', '2.0.0', ['^1.0.0'], 'supported'],
    ['0.9.0', '2.0.0', ['^1.0.0', '0.9.x'], 'supported'],
    ['0.8.0', '2.0.0', ['^1.0.0', '0.9.x'], 'unsupported'],
    ['2.0.0', '2.0.0', ['^1.0.0'], 'same'],
    ['2.0.0+build.1', '2.0.0+build.2', ['^1.0.0'], 'same'],
    ['3.0.0', '2.0.0', [], 'downgrade'],
    ['10.0.0', '9.0.0', [], 'downgrade'],
    ['2.0.0', '2.0.0-rc.1', [], 'downgrade'],
    ['2.0.0-rc.1', '2.0.0', ['^2.0.0-rc.0'], 'supported'],
    ['1.5.0-rc.1', '2.0.0', ['^1.0.0'], 'supported'],
    ['1.0.0-rc.1', '2.0.0', ['^1.0.0'], 'unsupported'],
    ['no version', '2.0.0', ['^1.0.0'], 'unsupported'],
  ] as const)('%s → %s, from %j: %s', (...[from, to, upgradesFrom, expected]) => {
    expect(jump(from, to, upgradesFrom)).toBe(expected);
  });
});
