import { expect, test } from 'vitest';
import { hostDocument, hostNarrator, hostVerdict, newsLines, type LocalOver } from '../../client/cli/host-lines.ts';
import type { LocalNews } from '../../client/local-upgrade.ts';
import { parseLocalLine } from '../../client/local-upgrade-lines.ts';
import { parseStepId, parseUpgradeId } from '../../model/ids.ts';
import type { LocalRelease, LocalReport } from '../../model/local-job.ts';
import { digestOf } from '../fakes/release.ts';

const asked = { action: 'install', host: 'host-1', upgrade: parseUpgradeId('local-1') } as const;
const release: LocalRelease = {
  ...{ event: 'release', name: 'sample', version: '2.0.0', from: 'sample 1.0.0', images: [] },
  ...{ deadlineMs: 60_000, diskFreeBytes: 0, left: { migrations: ['widen'], services: ['web', 'db'] } },
};
const step = { id: parseStepId('packages'), index: 1, count: 5, attempt: 1 };

const over = (report: Partial<LocalReport>): LocalOver => ({
  outcome: 'over',
  release,
  report: {
    event: 'report',
    phase: 'done',
    step: null,
    refused: null,
    error: null,
    startedAt: 0,
    finishedAt: 12_000,
    ...report,
  },
});

test('people are told the way, what is left out, and each step', () => {
  expect(newsLines(asked, release)).toEqual([
    'host-1: sample 1.0.0 → sample 2.0.0 (local-1)',
    'warning: only the host’s own steps are done here, not migrations widen and services web, db: those are left to refit upgrade',
  ]);
  expect(newsLines(asked, over({ phase: 'installing', step }).report)).toEqual(['host-1: installing, packages 2/5']);
});

test('a release without more than host steps, and a way back, warn of nothing', () => {
  const bare = { ...release, from: null, left: { migrations: [], services: [] } };

  expect(newsLines(asked, bare)).toEqual(['host-1: nothing → sample 2.0.0 (local-1)']);
  expect(newsLines({ ...asked, action: 'revert' }, release)).toEqual(['host-1: takes sample 2.0.0 back (local-1)']);
});

test('an image that no registry knows is named for what it means', () => {
  const image = { id: 'x', digest: digestOf('a'), contents: digestOf('c'), repository: 'r/s', isFromRegistry: false };

  expect(newsLines(asked, { event: 'image', image })[0]).toContain('will install it again');
});

test('what a job that was started again says anew is told once', () => {
  const told: string[] = [];
  const tell = hostNarrator(asked, (line) => told.push(line));
  const news: LocalNews = over({ phase: 'installing', step }).report;

  for (const one of [news, { event: 'away', why: 'boot' } as const, news]) tell(one);

  expect(told).toEqual(['host-1: installing, packages 2/5', 'host-1: its engine or the job is away; looking again']);
});

test.each([
  ['done', {}, 0, 'host host-1 is on sample 2.0.0 in 12s'],
  [
    'gone back',
    { phase: 'reverted', error: { step: step.id, kind: 'failed', message: 'dpkg: no' } },
    1,
    'host host-1 went back from sample 2.0.0 in 12s: dpkg: no',
  ],
  ['stuck', { phase: 'stuck', error: { step: null, kind: 'failed', message: 'undo' } }, 1, 'host host-1 is stuck'],
  ['refused', { refused: 'busy' }, 1, 'host host-1 refused sample 2.0.0: busy'],
] as const)('an upgrade that ended %s says so to the shell', (...[, report, exitCode, message]) => {
  const verdict = hostVerdict(asked, over(report));

  expect(verdict.exitCode).toBe(exitCode);
  expect(verdict.message).toContain(message);
});

test('a way back that is through is no failure', () => {
  const verdict = hostVerdict({ ...asked, action: 'revert' }, over({ phase: 'reverted' }));

  expect(verdict).toEqual({ exitCode: 0, message: 'host host-1 is as it was before sample 2.0.0 in 12s' });
});

test('programs get one document about the host', () => {
  const failed = { step: step.id, kind: 'failed', message: 'dpkg: no' } as const;

  expect(hostDocument(asked, over({ phase: 'reverted', error: failed }))).toMatchObject({
    host: 'host-1',
    release: 'sample 2.0.0',
    state: 'reverted',
    step: 'packages',
    error: 'dpkg: no',
    startedAt: '1970-01-01T00:00:00.000Z',
    finishedAt: '1970-01-01T00:00:12.000Z',
  });
  expect(hostDocument(asked, over({ refused: 'busy' }))).toMatchObject({ state: 'refused', error: 'busy' });
});

test('a line of the job is read, and any other is none of ours', () => {
  const { report } = over({ step });

  expect(parseLocalLine(JSON.stringify(report))).toEqual(report);
  expect(parseLocalLine(JSON.stringify({ event: 'done', agent: '1.0.0', outcome: 'started' }))).toMatchObject({
    agent: '1.0.0',
  });
  for (const text of ['(node:1) Warning', '{', '{"event":"report"}', '{"event":"report","phase":"asleep"}', 'null']) {
    expect(parseLocalLine(text)).toBeNull();
  }
});
