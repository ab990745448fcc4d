import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { Engine, Job } from '../../model/engine.ts';
import { eventually } from '../eventually.ts';
import { containing, including } from '../matching.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';

const IMAGE = 'busybox:test';

describe('a job that runs to completion', () => {
  let started: TestEngine;
  let engine: Engine;
  let folder: string;
  let jobs = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refit-job-'));
    started = await startEngine();
    await started.importBusybox(IMAGE);
    engine = createEngine(started.access, 'host-1');
  });
  afterAll(async () => {
    await started.close();
    await rm(folder, { recursive: true });
  });

  /** Runs the script; `/work` in it is the test's folder. */
  const newJob = (script: string, more: Partial<Job> = {}): Job => {
    jobs += 1;
    const name = `job-${jobs}`;
    return {
      name,
      image: IMAGE,
      binds: [`${folder}:/work`],
      env: { WORD: 'word' },
      labels: { 'dev.refit.job': name },
      command: ['/bin/sh', '-c', script],
      deadlineMs: 120_000,
      ...more,
    };
  };
  const isRunning = async (name: string): Promise<boolean> => (await engine.inspectContainer(name))?.running === true;
  const workFile = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

  test('its exit code and lines come back, and nothing of it stays', async () => {
    const lines: string[] = [];
    const job = newJob('echo one; echo $WORD >&2; echo -n last; exit 3', { onLine: (line) => lines.push(line) });

    const outcome = await engine.runJob(job);

    expect(outcome).toMatchObject({ outcome: 'exited', exitCode: 3 });
    expect([...lines].sort()).toEqual(['last', 'one', 'word']);
    expect(outcome).toMatchObject({ lines });
    expect(await engine.inspectContainer(job.name)).toBeNull();
  });

  test('its lines come while it runs', async () => {
    let seen = '';
    const job = newJob('echo begun; while [ ! -e /work/go-on ]; do sleep 0.05; done', {
      onLine: (line) => (seen = line),
    });
    const running = engine.runJob(job);

    await eventually(() => seen === 'begun');
    await engine.runJob(newJob('touch /work/go-on'));

    expect(await running).toMatchObject({ outcome: 'exited', exitCode: 0 });
  });

  test('thousands of lines are each told once, and the last ones are kept', async () => {
    let count = 0;
    const job = newJob('i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo line $i; done', { onLine: () => (count += 1) });

    const outcome = await engine.runJob(job);

    expect(count).toBe(5000);
    expect(outcome).toMatchObject({ lines: including(['line 4999', 'line 5000']) });
  });

  test('an image that is not there is not found', async () => {
    expect(await engine.runJob(newJob('true', { image: 'none:none' }))).toMatchObject({ kind: 'notFound' });
  });

  test('a command that does not exist is refused, and the next attempt is not in its way', async () => {
    const job = newJob('true');

    expect(await engine.runJob({ ...job, command: ['/bin/none'] })).toMatchObject({
      outcome: 'failed',
      kind: 'refused',
    });
    expect(await engine.runJob(job)).toMatchObject({ outcome: 'exited', exitCode: 0 });
  });

  test('a job that takes too long is killed and removed', async () => {
    const job = newJob('sleep 60', { deadlineMs: 1_500 });

    expect(await engine.runJob(job)).toMatchObject({ outcome: 'failed', kind: 'deadline' });
    expect(await engine.inspectContainer(job.name)).toBeNull();
  });

  test('a running job that a killed attempt left is taken over: it runs once, and every line is told', async () => {
    const script = 'echo x >>/work/runs; echo begun; while [ ! -e /work/end ]; do sleep 0.05; done; echo ended; exit 4';
    const first = new AbortController();
    const job = newJob(script);
    const attempt = engine.runJob({ ...job, signal: first.signal });
    await eventually(() => isRunning(job.name));
    first.abort(new Error('the worker was killed'));
    await expect(attempt).rejects.toThrow('the worker was killed');

    const lines: string[] = [];
    const again = engine.runJob({ ...job, onLine: (line) => lines.push(line) });
    await engine.runJob(newJob('touch /work/end'));

    expect(await again).toMatchObject({ outcome: 'exited', exitCode: 4 });
    expect(lines).toEqual(['begun', 'ended']);
    expect(await workFile('runs')).toBe('x\n');
  });

  test('a job that ended while nobody looked is taken over with its exit code, and not run again', async () => {
    const first = new AbortController();
    const job = newJob('echo x >>/work/ended-runs; while [ ! -e /work/unseen ]; do sleep 0.05; done; exit 5');
    const attempt = engine.runJob({ ...job, signal: first.signal });
    await eventually(() => isRunning(job.name));
    first.abort(new Error('the worker was killed'));
    await expect(attempt).rejects.toThrow();
    await writeFile(join(folder, 'unseen'), '');
    await eventually(async () => (await engine.inspectContainer(job.name))?.status === 'exited');

    expect(await engine.runJob(job)).toMatchObject({ outcome: 'exited', exitCode: 5 });
    expect(await workFile('ended-runs')).toBe('x\n');
  });

  test('a job of the same name for other work is replaced', async () => {
    const first = new AbortController();
    const job = newJob('sleep 60');
    const attempt = engine.runJob({ ...job, signal: first.signal });
    await eventually(() => isRunning(job.name));
    first.abort(new Error('enough'));
    await expect(attempt).rejects.toThrow('enough');

    const other = { ...newJob('echo other'), name: job.name, labels: { 'dev.refit.job': 'other' } };

    expect(await engine.runJob(other)).toMatchObject({ outcome: 'exited', exitCode: 0, lines: ['other'] });
  });

  test('somebody else’s container of the same name is left alone', async () => {
    const job = newJob('true');
    const { name } = job;
    const spec = {
      name,
      image: IMAGE,
      command: ['/bin/sh'],
      env: {},
      ports: [],
      volumes: [],
      network: 'none',
      restart: 'no',
      labels: {},
    } as const;
    await engine.createContainer(spec);

    expect(await engine.runJob(job)).toMatchObject({ outcome: 'failed', kind: 'conflict' });
    expect(await engine.inspectContainer(name)).not.toBeNull();
  });

  test('a job whose container somebody removes is lost', async () => {
    const job = newJob('sleep 60');
    const running = engine.runJob(job);
    await eventually(() => isRunning(job.name));

    await engine.removeContainer(job.name, { force: true });

    expect(await running).toMatchObject({ outcome: 'failed', kind: 'lost' });
  });

  test('an engine that is killed and comes back costs the job nothing', async () => {
    const lines: string[] = [];
    const script = 'echo begun; while [ ! -e /work/back ]; do sleep 0.05; done; echo ended; exit 6';
    const running = engine.runJob(newJob(script, { onLine: (line) => lines.push(line) }));
    await eventually(() => lines.includes('begun'));

    await started.kill();
    await started.start();
    await engine.runJob(newJob('touch /work/back'));

    expect(await running).toMatchObject({ outcome: 'exited', exitCode: 6 });
    expect(lines).toEqual(['begun', 'ended']);
  });

  test('an engine that stays away ends the attempt, and the next one takes the job over', async () => {
    const job = newJob('echo x >>/work/away-runs; while [ ! -e /work/here ]; do sleep 0.05; done; exit 7');
    const running = engine.runJob(job);
    await eventually(() => isRunning(job.name));

    await started.kill();
    expect(await running).toMatchObject({
      outcome: 'failed',
      kind: 'unreachable',
      message: containing('host-1'),
    });

    await started.start();
    const again = engine.runJob(job);
    await engine.runJob(newJob('touch /work/here'));
    expect(await again).toMatchObject({ outcome: 'exited', exitCode: 7 });
    expect(await workFile('away-runs')).toBe('x\n');
  });

  test('a frozen engine ends the attempt as one that is away', async () => {
    const job = newJob('while [ ! -e /work/thawed ]; do sleep 0.05; done; exit 8');
    const running = engine.runJob(job);
    await eventually(() => isRunning(job.name));

    started.stop();
    expect(await running).toMatchObject({ outcome: 'failed', kind: 'unreachable' });

    started.cont();
    const again = engine.runJob(job);
    await engine.runJob(newJob('touch /work/thawed'));
    expect(await again).toMatchObject({ outcome: 'exited', exitCode: 8 });
  });

  test('a frozen engine lets no call hang', async () => {
    started.stop();
    const began = performance.now();

    await expect(engine.info()).rejects.toMatchObject({ name: 'EngineError', kind: 'deadline' });

    expect(performance.now() - began).toBeLessThan(30_000);
    started.cont();
    expect((await engine.info()).version).not.toBe('');
  });
});
