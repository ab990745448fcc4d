import { beforeEach, expect, test } from 'vitest';
import type { LocalImages } from '../../client/local-upgrade-image.ts';
import { runLocalUpgrade, type LocalNews, type LocalOutcome, type LocalRequest } from '../../client/local-upgrade.ts';
import { Unreachable } from '../../client/unreachable.ts';
import type { Job, JobOutcome } from '../../model/engine.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { LocalLine } from '../../model/local-job.ts';
import type { Clock } from '../../model/ports.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { digestOf } from '../fakes/release.ts';

const request: LocalRequest = {
  action: 'install',
  upgrade: parseUpgradeId('local-1'),
  reference: 'registry.lab:5000/sample:2.0.0',
  host: 'host-1',
  agentConfig: '{"fleet":"local","host":"host-1","etcd":null}',
  acceptRisks: ['cold-cache', 'long-start'],
  edited: null,
};
const stepImage = `registry.lab:5000/dns@${digestOf('d')}`;
const released: LocalLine = {
  ...{ event: 'release', name: 'sample', version: '2.0.0', from: 'sample 1.0.0', images: [stepImage] },
  ...{ deadlineMs: 60_000, diskFreeBytes: 1_000, left: { migrations: [], services: [] } },
};
const report = {
  event: 'report',
  phase: 'installing',
  step: null,
  refused: null,
  error: null,
  startedAt: 1,
  finishedAt: null,
} as const;
const done: LocalLine = { ...report, phase: 'done', finishedAt: 2 };

let engine: FakeEngine;
let news: LocalNews[];
let now: number;
let asked: string[];
beforeEach(() => {
  engine = new FakeEngine('host-1');
  news = [];
  now = 0;
  asked = [];
  says('local-check', [released]);
  says('local', [report, done]);
});

/** Waits in no time. */
const clock: Clock = { now: () => now, sleep: (ms) => Promise.resolve(void (now += ms)) };

const images: LocalImages = {
  release: (reference) => {
    const image = { id: 'sha256:id', digest: digestOf('b'), contents: digestOf('c'), isFromRegistry: true };
    const [repository = ''] = reference.split(':2');
    return Promise.resolve({ ok: true, image: { ...image, repository } });
  },
  pullAll: (references) => Promise.resolve((asked.push(`pull ${references.join()}`), null)),
};

/** The program's lines, one run after another; the last repeats. null: somebody ends it. */
function says(program: string, ...runs: readonly (readonly LocalLine[] | JobOutcome)[]): void {
  let run = 0;
  engine.programs.set(program, (job: Job): JobOutcome => {
    const what = runs[Math.min(run, runs.length - 1)] ?? [];
    run += 1;
    asked.push(program);
    if ('outcome' in what) return what;
    const lines = what.map((line) => JSON.stringify(line));
    for (const line of ['(node:1) Warning: not ours', ...lines]) job.onLine?.(line);
    return { outcome: 'exited', exitCode: 0, lines };
  });
}

const upgrade = (changes: Partial<LocalRequest> = {}): Promise<LocalOutcome> =>
  runLocalUpgrade({ engine, images, clock, say: (one) => news.push(one) }, { ...request, ...changes });

test('the host is looked at, what its steps need is pulled, and then it is ordered', async () => {
  const outcome = await upgrade();

  expect(outcome).toMatchObject({ outcome: 'over', release: { version: '2.0.0' }, report: { phase: 'done' } });
  expect(asked).toEqual(['local-check', `pull ${stepImage}`, 'local']);
  expect(news.map(({ event }) => event)).toEqual(['image', 'release', 'report', 'report']);
});

test('the jobs know release and upgrade, see refit’s folders alone, and have no network', async () => {
  await upgrade();

  expect(engine.jobs.map(({ name }) => name)).toEqual(['refit-local-check-local-1', 'refit-local-local-1']);
  for (const job of engine.jobs) {
    expect(job).toMatchObject({ image: 'sha256:id', networkMode: 'none' });
    expect(job.binds).toHaveLength(3);
    expect(job.env).toMatchObject({
      REFIT_RELEASE_DIGEST: digestOf('b'),
      REFIT_CONTENTS_DIGEST: digestOf('c'),
      REFIT_RELEASE_REPOSITORY: 'registry.lab:5000/sample',
      REFIT_LOCAL_UPGRADE: 'local-1',
      REFIT_ACCEPT_RISKS: 'cold-cache\nlong-start',
    });
  }
});

test('what the look refuses is not ordered', async () => {
  says('local-check', [{ event: 'refused', message: 'host-1 is at work' }]);

  expect(await upgrade()).toEqual({ outcome: 'refused', message: 'host-1 is at work' });
  expect(asked).toEqual(['local-check']);
});

test('an image that can’t be had is a refusal: nothing was changed', async () => {
  const without = { ...images, pullAll: () => Promise.resolve('no such image') };

  const outcome = await runLocalUpgrade({ engine, images: without, clock, say: () => undefined }, request);

  expect(outcome).toEqual({ outcome: 'refused', message: 'no such image' });
  expect(asked).not.toContain('local');
});

test('a job that a boot ended is started again under its name, and the engine is waited for meanwhile', async () => {
  says(
    'local',
    [report, { ...report, phase: 'rebooting' }],
    { outcome: 'failed', kind: 'unreachable', message: 'away' },
    { outcome: 'failed', kind: 'unreachable', message: 'away' },
    [done],
  );

  const outcome = await upgrade();

  expect(outcome).toMatchObject({ outcome: 'over', report: { phase: 'done' } });
  expect(new Set(engine.jobs.slice(1).map(({ name }) => name)).size).toBe(1);
  expect(news.filter(({ event }) => event === 'away')).toHaveLength(3);
});

test('an engine that stays away is given up after the release’s own deadline and some more', async () => {
  says('local', { outcome: 'failed', kind: 'unreachable', message: 'connection refused' });

  await expect(upgrade()).rejects.toThrow(Unreachable);

  expect(now).toBeGreaterThanOrEqual(60_000 + 900_000);
});

test('a job that ends again and again without a word is not started for ever', async () => {
  says('local', { outcome: 'exited', exitCode: 137, lines: ['Killed'] });

  const outcome = await upgrade();

  expect(outcome).toMatchObject({ outcome: 'failed' });
  expect(JSON.stringify(outcome)).toContain('exit code 137: Killed');
  expect(asked.filter((what) => what === 'local')).toHaveLength(10);
});

test('what the job itself can’t do is a failure, in its words', async () => {
  says('local', [{ event: 'failed', message: 'the disk of /var/lib/refit has no room; make room' }]);

  expect(await upgrade()).toEqual({ outcome: 'failed', message: expect.stringContaining('make room') as string });
});

test('a way back pulls nothing', async () => {
  says('local', [{ ...report, phase: 'reverted', finishedAt: 2 }]);

  const outcome = await upgrade({ action: 'revert' });

  expect(outcome).toMatchObject({ outcome: 'over', report: { phase: 'reverted' } });
  expect(asked).toEqual(['local-check', 'local']);
});
