import { describe, expect, test } from 'vitest';
import { judgeChainRelease } from '../../model/chain-release.ts';
import type { JumpLimit, SupportedJump } from '../../model/release.ts';
import { digestOf, readRelease, releaseRef } from '../fakes/release.ts';

const open = { limit: 'none' } as const;
const blocked = { limit: 'blocked', reason: 'loses orders' } as const;
const risk = (name: string): JumpLimit => ({ limit: 'risk', name, reason: 'an hour without service' });
const jump = (range: string, limit: JumpLimit = open): SupportedJump => ({ range, limit });

const judge = (chain: readonly SupportedJump[], own: readonly SupportedJump[]): string | null => {
  const entry = { version: '2.0.0', digest: digestOf('4'), upgradesFrom: chain };
  return judgeChainRelease(entry, releaseRef('3.0.0'), readRelease({ upgradesFrom: own }))?.what ?? null;
};

describe('the word of a chain about an earlier release', () => {
  test.each<readonly [string, readonly SupportedJump[], readonly SupportedJump[]]>([
    ['is the same', [jump('1.x')], [jump('1.x')]],
    ['leaves a range out', [jump('1.x')], [jump('0.x'), jump('1.x')]],
    ['blocks what it allows', [jump('1.x', blocked)], [jump('1.x')]],
    ['puts a risk on it', [jump('1.x', risk('slow'))], [jump('1.x')]],
    ['bounds one that allows anything', [jump('1.x')], []],
  ])('holds where it %s', (_what, chain, own) => {
    expect(judge(chain, own)).toBeNull();
  });

  test.each<readonly [string, readonly SupportedJump[], readonly SupportedJump[]]>([
    ['allows another range', [jump('0.x')], [jump('1.x')]],
    ['allows anything', [], [jump('1.x')]],
    ['opens what it blocks', [jump('1.x')], [jump('1.x', blocked)]],
    ['takes its risk away', [jump('1.x')], [jump('1.x', risk('slow'))]],
    ['calls its risk by another name', [jump('1.x', risk('fast'))], [jump('1.x', risk('slow'))]],
  ])('does not hold where it %s', (_what, chain, own) => {
    expect(judge(chain, own)).toContain('and the chain allows more');
  });
});
