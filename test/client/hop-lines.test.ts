import { describe, expect, it } from 'vitest';
import { changeLines, progressLines } from '../../client/cli/progress-lines.ts';
import { nextCommands, verdict } from '../../client/cli/verdict.ts';
import type { HopProgress, Progress } from '../../model/upgrade.ts';
import { BEGAN, makeHost, makeMigration, makeProgress, makeWaiting } from './progress.ts';

const textsOf = (progress: Progress): readonly string[] => progressLines(progress, BEGAN).map((line) => line.text);

/** An upgrade from 3.4.2 over two releases, with its hops in these states. */
const onPath = (states: readonly HopProgress['state'][], changes: Partial<Progress> = {}): Progress =>
  makeProgress({
    release: 'sample 4.2.0',
    hops: ['4.0.1', '4.1.1', '4.2.0'].flatMap((to, index) => {
      const state = states[index];
      return state === undefined ? [] : [{ to, state }];
    }),
    hosts: [makeHost('host-1', { from: '3.4.2' })],
    ...changes,
  });

const FORWARD_ONLY = 'forward only before 4.1.1: migration drop-old has no way back';

describe('the live view of an upgrade of several hops', () => {
  it('says which hop is at work, and where the path is', () => {
    expect(textsOf(onPath(['done', 'running', 'pending'])).slice(1, 3)).toEqual([
      'hop 2 of 3: 4.1.1',
      '  4.0.1 done → 4.1.1 running → 4.2.0 pending',
    ]);
  });

  it.each([
    ['before the first', ['pending', 'pending', 'pending'], 'hop 1 of 3: 4.0.1'],
    ['at a gate', ['done', 'pending', 'pending'], 'hop 2 of 3: 4.1.1'],
    ['on the way back', ['done', 'rollingBack', 'rolledBack'], 'hop 2 of 3: 4.1.1'],
  ] as const)('%s', (_, states, text) => expect(textsOf(onPath(states))).toContain(text));

  it('has the path alone once it is over', () => {
    const texts = textsOf(onPath(['done', 'done', 'done'], { state: 'succeeded' }));

    expect(texts[1]).toBe('  4.0.1 done → 4.1.1 done → 4.2.0 done');
  });

  it('shows a host at work on its way to the end of its hop, and any other to the end of the path', () => {
    const hosts = [makeHost('host-1', { state: 'installing', from: '3.4.2' }), makeHost('host-2', { from: '3.4.2' })];
    const texts = textsOf(onPath(['done', 'running', 'pending'], { hosts }));

    expect(texts.find((text) => text.includes('host-1'))).toContain('3.4.2 → 4.1.1');
    expect(texts.find((text) => text.includes('host-2'))).toContain('3.4.2 → 4.2.0');
  });

  it('is as ever where there is one hop and no migration', () => {
    const before = makeProgress();
    const after = makeProgress({ hops: [{ to: '2.0.0', state: 'running' }], checkpoints: ['start'] });

    expect(textsOf(after)).toEqual(textsOf(before));
    expect(changeLines(null, after)).toEqual(changeLines(null, before));
  });

  it('tells a log of each hop once, and of no host that has not begun', () => {
    const first = onPath(['running', 'pending', 'pending'], { hosts: [makeHost('host-1', { state: 'done' })] });
    const second = onPath(['done', 'running', 'pending']);

    expect(changeLines(first, second)).toEqual(['hop 2 of 3: 4.1.1']);
    expect(changeLines(second, second)).toEqual([]);
  });
});

describe('the way back of an upgrade of several hops', () => {
  const waiting = [makeWaiting({ movedOnBy: 'refit resume lab-7 | refit rollback lab-7 | refit abort lab-7' })];
  const asks = onPath(['done', 'done', 'running'], {
    ...{ state: 'waiting', waiting, checkpoints: ['4.0.1', '4.1.1'], forwardOnly: FORWARD_ONLY },
  });

  it('is shown to the operator who is asked: why no further, and the checkpoints that are left', () => {
    expect(textsOf(asks)).toContain(FORWARD_ONLY);
    expect(textsOf(asks)).toContain('a roll back can stop at: 4.0.1, 4.1.1');
    expect(verdict(asks, 'upgrade').message.split('\n')[0]).toBe(
      `upgrade lab-7 waits for the operator; ${FORWARD_ONLY}`,
    );
  });

  it('has a command for each checkpoint', () => {
    expect(nextCommands(asks)).toEqual([
      'refit resume lab-7',
      'refit rollback lab-7',
      'refit rollback lab-7 --to 4.1.1',
      'refit abort lab-7',
    ]);
  });

  it('is no news while all is well', () => {
    const well = { ...asks, state: 'running' as const, waiting: [] };

    expect(textsOf(well).join('\n')).not.toMatch(/forward only|can stop at/);
  });

  it('says why it can’t have gone back once it failed', () => {
    const failed = { ...asks, state: 'failed' as const, error: 'fenced', waiting: [] };

    expect(verdict(failed, 'upgrade').message).toBe(`upgrade lab-7 failed: fenced; ${FORWARD_ONLY}`);
    expect(textsOf(failed)).toContain(FORWARD_ONLY);
    expect(textsOf(failed).join('\n')).not.toContain('can stop at');
  });

  it('ends at the checkpoint, and the verdict says so', () => {
    const stopped = onPath(['done', 'rolledBack', 'pending'], { state: 'rolledBack', forwardOnly: null });
    const whole = onPath(['rolledBack', 'rolledBack', 'pending'], { state: 'rolledBack' });

    expect(verdict(stopped, 'rollback')).toEqual({
      exitCode: 0,
      message: 'upgrade lab-7 was rolled back: fleet lab is on 4.0.1, where it stopped',
    });
    expect(verdict(whole, 'rollback').message).toBe('upgrade lab-7 was rolled back: fleet lab is as it was before');
  });

  it('counts the hops and migrations of a success', () => {
    const migrations = [makeMigration('backup'), makeMigration('add-columns'), makeMigration('drop-old')];
    const hosts = [makeHost('host-1', { state: 'done' })];

    expect(
      verdict(onPath(['done', 'done', 'done'], { state: 'succeeded', hosts, migrations }), 'upgrade').message,
    ).toBe(
      'upgrade lab-7 succeeded: fleet lab is on sample 4.2.0 over 3 hops, 1 of 1 hosts upgraded, 2 migrations applied',
    );
  });

  it('does not say that nothing had to be done when a migration was applied', () => {
    const there = makeProgress({ state: 'succeeded', hosts: [makeHost('host-1', { state: 'alreadyThere' })] });
    const migrations = [makeMigration('add-columns')];

    expect(verdict({ ...there, migrations }, 'upgrade').message).toContain('1 migration applied');
    expect(
      verdict({ ...there, migrations: [makeMigration('a', { state: 'alreadyApplied' })] }, 'upgrade').message,
    ).toContain('nothing had to be done');
  });
});
