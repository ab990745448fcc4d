import { describe, expect, it } from 'vitest';
import { changeLines, progressLines } from '../../client/cli/progress-lines.ts';
import type { MigrationRecord, Progress } from '../../model/upgrade.ts';
import { BEGAN, makeMigration, makeProgress } from './progress.ts';

const withMigrations = (...migrations: readonly MigrationRecord[]): Progress =>
  makeProgress({ hosts: [], phase: 'migrations', migrations });

const output = ['one', 'two', 'three', 'four', 'five', 'ERROR: column "name" is used by a view', ''].join('\n');
const failed = makeMigration('drop-old', { state: 'failed', exitCode: 3, output });

describe('migrations in the live view', () => {
  it('have a line each, and the one that failed the end of what it said', () => {
    const progress = withMigrations(makeMigration('backup'), makeMigration('add-columns'), failed);

    expect(progressLines(progress, BEGAN).slice(1)).toEqual([
      { text: '  backup applied on host-1', tone: 'good' },
      { text: '  migration add-columns applied on host-1', tone: 'good' },
      { text: '  migration drop-old failed on host-1, exit code 3', tone: 'bad' },
      ...['two', 'three', 'four', 'five', 'ERROR: column "name" is used by a view'].map((text) => ({
        text: `    ${text}`,
        tone: 'quiet',
      })),
    ]);
  });

  it('say their hop where there are several, and that a container did not end by itself', () => {
    const cut = makeMigration('add-columns', { state: 'failed', hop: '4.1.1', exitCode: null });
    const hops = [
      { to: '4.1.1', state: 'running' },
      { to: '4.2.0', state: 'pending' },
    ] as const;
    const texts = progressLines({ ...withMigrations(cut), hops }, BEGAN).map(({ text }) => text);

    expect(texts).toContain('  migration add-columns of 4.1.1 failed on host-1, did not end by itself');
  });

  it('keep to a bound: those in trouble and of the hop at work are shown, the others counted', () => {
    const many = Array.from({ length: 40 }, (_, index) => makeMigration(`m-${index}`, { hop: '4.0.1' }));
    const hops = [
      { to: '4.0.1', state: 'done' },
      { to: '4.1.1', state: 'running' },
    ] as const;
    const now = makeMigration('now', { hop: '4.1.1', state: 'running', host: null });
    const texts = progressLines({ ...withMigrations(...many, now), hops }, BEGAN).map(({ text }) => text);

    expect(texts.slice(-2)).toEqual(['  migration now of 4.1.1 running', '  and 40 more migrations']);
  });

  it('are news in a log when they begin, and when they end', () => {
    const running = makeMigration('drop-old', { state: 'running', host: null, exitCode: null });

    expect(changeLines(withMigrations(), withMigrations(running))).toEqual(['migration drop-old running']);
    expect(changeLines(withMigrations(running), withMigrations(running))).toEqual([]);
    expect(changeLines(withMigrations(running), withMigrations(failed)).slice(0, 2)).toEqual([
      'migration drop-old failed on host-1, exit code 3',
      '  two',
    ]);
  });
});
