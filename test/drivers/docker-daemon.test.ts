import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { awaitContainers, findMissing } from '../../agent/steps/engine-containers.ts';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { createEngineDaemon } from '../../drivers/docker/daemon.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { ContainerSpec, Engine, EngineDaemon } from '../../model/engine.ts';
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

async function run(name: string, more: Partial<ContainerSpec> = {}): Promise<string> {
  const spec = { command: SERVE, env: {}, ports: [], volumes: [], network: 'none', restart: 'no', labels: {} } as const;
  const { id } = await engine.createContainer({ name, image: IMAGE, ...spec, ...more });
  await engine.startContainer(name);
  return id;
}

test('an engine says its version, and whether its containers go on without it', async () => {
  expect(await daemon.about()).toEqual({ version: matching(/^\d+\.\d+/), isLiveRestore: true, isSwarm: false });
});

test('containers that run are told with the time of their start; stopped ones, and those of a swarm, are not', async () => {
  const id = await run('one');
  await run('two', { labels: { 'com.docker.swarm.task.id': 'x' } });

  const running = await daemon.running();
  await engine.stopContainer('one', { timeoutS: 5 });

  expect(running).toEqual([{ id, name: 'one', startedAt: matching(/^\d{4}-/) }]);
  expect(await daemon.running()).toEqual([]);
});

test('a container that was stopped is started again, as often as somebody has to', async () => {
  await run('one', { command: ['/bin/sh', '-c', 'trap "exit 1" TERM; while true; do sleep 0.1; done'] });
  const before = await daemon.running();
  await engine.stopContainer('one', { timeoutS: 5 });

  await awaitContainers(daemon, before, { timeoutMs: 20_000, signal });

  const [after] = await daemon.running();
  expect(after).toMatchObject({ id: before[0]?.id, name: 'one' });
  expect(after?.startedAt).not.toBe(before[0]?.startedAt);
});

test('a job that came to its end while the engine was away is left alone', async () => {
  await run('one');
  const before = await daemon.running();
  await engine.stopContainer('one', { timeoutS: 5 });

  expect(await findMissing(daemon, before, signal)).toBeNull();
});

test('a job that failed, and a server that ended, are missing, by their names', async () => {
  await run('one', { command: ['/bin/sh', '-c', 'trap "exit 3" TERM; while true; do sleep 0.1; done'] });
  await run('two', { restart: 'always' });
  const before = await daemon.running();
  for (const name of ['one', 'two']) await engine.stopContainer(name, { timeoutS: 5 });

  const missing = await findMissing(daemon, before, signal);

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

  await expect(awaitContainers(daemon, before, { timeoutMs: 1_500, signal })).rejects.toThrow(
    /containers did not run again: one within 2 s/,
  );
});

test('an engine that is away is missing as a whole, and is waited for', async () => {
  await run('one');
  const before = await daemon.running();
  await started.kill();

  const missing = await findMissing(daemon, before, signal);
  const waiting = awaitContainers(daemon, before, { timeoutMs: 60_000, signal });
  await started.start();
  await waiting;

  expect(missing?.what).toMatch(/the engine did not answer/);
  expect(await daemon.running()).toEqual(before);
});

test('an engine that is part of a swarm says so', async () => {
  await using alone = await startEngine({ liveRestore: false });
  const connection = new EngineConnection(alone.access, 'host-2');
  const body = { ListenAddr: '127.0.0.1:0', AdvertiseAddr: '127.0.0.1' };
  await connection.ask({ what: 'begin a swarm', method: 'POST', path: '/swarm/init', body, withinMs: 20_000 });

  expect(await createEngineDaemon(alone.access).about()).toMatchObject({ isLiveRestore: false, isSwarm: true });
});
