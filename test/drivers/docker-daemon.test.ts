import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { awaitContainers, findMissing, type Wanted } from '../../agent/steps/engine-containers.ts';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { createEngineDaemon } from '../../drivers/docker/daemon.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { ContainerSpec, Engine, EngineDaemon, RunningContainer } from '../../model/engine.ts';
import { matching } from '../matching.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';

const IMAGE = 'busybox:test';
const SERVE = ['/bin/sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'];
const signal = new AbortController().signal;

let started: TestEngine;
let engine: Engine;
let daemon: EngineDaemon;
beforeAll(async () => {
  started = await startEngine();
  await started.importBusybox(IMAGE);
  engine = createEngine(started.access, 'host-1');
  daemon = createEngineDaemon(started.access, 'host-1');
});
afterAll(() => started.close());
afterEach(async () => {
  for (const name of ['one', 'two']) await engine.removeContainer(name, { force: true });
});

async function run(name: string, more: Partial<ContainerSpec> = {}, on = engine): Promise<string> {
  const spec = { command: SERVE, env: {}, ports: [], volumes: [], network: 'none', restart: 'no', labels: {} } as const;
  const { id } = await on.createContainer({ name, image: IMAGE, ...spec, ...more });
  await on.startContainer(name);
  return id;
}

const wanted = (running: readonly RunningContainer[], more: Partial<Wanted> = {}): Wanted => ({
  earlier: { running: [...running] },
  mayBeRemoved: false,
  ...more,
});

test('an engine says its version, and whether its containers go on without it', async () => {
  const store = matching(/^\w+ in \//);
  expect(await daemon.about()).toEqual({ version: matching(/^\d+\.\d+/), isLiveRestore: true, isSwarm: false, store });
});

test('containers that run are told with the time of their start; stopped ones, and those of a swarm, are not', async () => {
  const id = await run('one');
  await run('two', { labels: { 'com.docker.swarm.task.id': 'x' } });

  const running = await daemon.running();
  await engine.stopContainer('one', { timeoutS: 5 });

  expect(running).toEqual([{ id, name: 'one', startedAt: matching(/^\d{4}-/), isAutoRemove: false }]);
  expect(await daemon.running()).toEqual([]);
});

test('a container that was stopped is started again, as often as somebody has to', async () => {
  await run('one', { command: ['/bin/sh', '-c', 'trap "exit 1" TERM; while true; do sleep 0.1; done'] });
  const before = await daemon.running();
  await engine.stopContainer('one', { timeoutS: 5 });

  await awaitContainers(daemon, wanted(before), { timeoutMs: 20_000, signal });

  const [after] = await daemon.running();
  expect(after).toMatchObject({ id: before[0]?.id, name: 'one' });
  expect(after?.startedAt).not.toBe(before[0]?.startedAt);
});

test('a job that came to its end while the engine was away is left alone', async () => {
  await run('one');
  const before = await daemon.running();
  await engine.stopContainer('one', { timeoutS: 5 });

  expect(await findMissing(daemon, wanted(before), signal)).toBeNull();
});

test('a job that failed, and a server that ended, are missing, by their names', async () => {
  await run('one', { command: ['/bin/sh', '-c', 'trap "exit 3" TERM; while true; do sleep 0.1; done'] });
  await run('two', { restart: 'always' });
  const before = await daemon.running();
  for (const name of ['one', 'two']) await engine.stopContainer(name, { timeoutS: 5 });

  const missing = await findMissing(daemon, wanted(before), signal);

  expect(missing?.containers.map(({ name }) => name).sort()).toEqual(['one', 'two']);
  expect(missing?.what).toMatch(/did not run again: .*one/);
});

test('one that can not be started again is named once the time is over', async () => {
  const twice = [
    '/bin/sh',
    '-c',
    'test -e /again && exit 5; touch /again; trap "exit 1" TERM; while true; do sleep 0.1; done',
  ];
  await run('one', { command: twice });
  const before = await daemon.running();
  await engine.stopContainer('one', { timeoutS: 5 });

  await expect(awaitContainers(daemon, wanted(before), { timeoutMs: 1_500, signal })).rejects.toThrow(
    /containers did not run again: one within 2 s/,
  );
});

test('an engine that is away is missing as a whole, and is waited for', async () => {
  await run('one');
  const before = await daemon.running();
  await started.kill();

  const missing = await findMissing(daemon, wanted(before), signal);
  const waiting = awaitContainers(daemon, wanted(before), { timeoutMs: 60_000, signal });
  await started.start();
  await waiting;

  expect(missing?.what).toMatch(/the engine did not answer/);
  expect(await daemon.running()).toEqual(before);
});

test('a container that is gone is missing, unless it removes itself, or a while has passed in which anybody may have removed it', async () => {
  await run('one');
  const [one] = await daemon.running();
  const earlier = {
    running: one === undefined ? [] : [one, { ...one, id: 'removed', name: 'job', isAutoRemove: true }],
  };
  await engine.removeContainer('one', { force: true });

  const missing = await findMissing(daemon, { earlier, mayBeRemoved: false }, signal);
  const later = await findMissing(daemon, { earlier, mayBeRemoved: true }, signal);

  expect(missing?.containers.map(({ name }) => name)).toEqual(['one']);
  expect(later).toBeNull();
});

test('where the engine keeps containers elsewhere, all are missing, and it says where they were', async () => {
  const { store } = await daemon.about();
  const running = [{ id: 'elsewhere', name: 'one', startedAt: '', isAutoRemove: true }];

  const missing = await findMissing(daemon, wanted(running, { earlier: { running, store: 'vfs in /old' } }), signal);

  expect(missing?.what).toContain(`one; the engine keeps containers by ${store}, and kept them by vfs in /old`);
});

test('the engine of a swarm’s member takes its containers along: those that end well are missing, too', async () => {
  await using alone = await startEngine({ liveRestore: false });
  await alone.importBusybox(IMAGE);
  const connection = new EngineConnection(alone.access, 'host-2');
  const body = { ListenAddr: '127.0.0.1:0', AdvertiseAddr: '127.0.0.1' };
  await connection.ask({ what: 'begin a swarm', method: 'POST', path: '/swarm/init', body, withinMs: 20_000 });
  const its = createEngineDaemon(alone.access);
  const itsEngine = createEngine(alone.access, 'host-2');
  await run('one', {}, itsEngine);
  const before = await its.running();
  await itsEngine.stopContainer('one', { timeoutS: 5 });

  const missing = await findMissing(its, wanted(before), signal);
  await itsEngine.removeContainer('one', { force: true });

  expect(await its.about()).toMatchObject({ isLiveRestore: false, isSwarm: true });
  expect(missing?.containers.map(({ name }) => name)).toEqual(['one']);
});
