import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { ContainerSpec, Engine } from '../../model/engine.ts';
import { eventually } from '../eventually.ts';
import { including, matching } from '../matching.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';

const IMAGE = 'busybox:test';

describe('containers of a host', () => {
  let started: TestEngine;
  let engine: Engine;
  beforeAll(async () => {
    started = await startEngine();
    await started.importBusybox(IMAGE);
    engine = createEngine(started.access, 'host-1');
  });
  afterAll(() => started.close());

  const specOf = (name: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
    name,
    image: IMAGE,
    command: ['/bin/sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'],
    env: { MODE: 'test' },
    ports: [],
    volumes: [],
    network: 'none',
    restart: 'always',
    labels: { 'dev.refit.config': 'one' },
    ...more,
  });

  test('the engine says what it is', async () => {
    expect(await engine.info()).toMatchObject({
      version: matching(/^\d+\./),
      architecture: matching(/./),
    });
  });

  test('a container is created as told, started, stopped, renamed and removed', async () => {
    await engine.createContainer(specOf('life', { volumes: ['data:/data'], ports: ['127.0.0.1:8080:80/tcp'] }));
    expect(await engine.inspectContainer('life')).toMatchObject({
      name: 'life',
      image: IMAGE,
      running: false,
      status: 'created',
      restartPolicy: 'always',
      labels: { 'dev.refit.config': 'one' },
      raw: {
        HostConfig: { Binds: ['data:/data'], PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] } },
        Config: { Env: including(['MODE=test']) },
      },
    });

    await engine.startContainer('life');
    await engine.startContainer('life');
    expect(await engine.inspectContainer('life')).toMatchObject({ running: true });
    await engine.setRestartPolicy('life', 'no');
    await engine.stopContainer('life', { timeoutS: 5 });
    await engine.stopContainer('life', { timeoutS: 5 });
    await engine.renameContainer('life', 'life-old');

    expect(await engine.inspectContainer('life')).toBeNull();
    expect(await engine.inspectContainer('life-old')).toMatchObject({
      running: false,
      restartPolicy: 'no',
      exitCode: 0,
    });
    await engine.removeContainer('life-old', { force: false });
    await engine.removeContainer('life-old', { force: false });
    expect(await engine.inspectContainer('life-old')).toBeNull();
  });

  test('creating the same container twice adopts it, another configuration replaces it', async () => {
    const first = await engine.createContainer(specOf('twice'));
    const second = await engine.createContainer(specOf('twice'));
    const third = await engine.createContainer(specOf('twice', { labels: { 'dev.refit.config': 'two' } }));

    expect(second).toEqual({ id: first.id, adopted: true });
    expect(third).toMatchObject({ adopted: false });
    expect(third.id).not.toBe(first.id);
  });

  test('a container that is not refit’s keeps its name', async () => {
    await engine.createContainer(specOf('foreign', { labels: { owner: 'somebody' } }));

    await expect(engine.createContainer(specOf('foreign'))).rejects.toMatchObject({ kind: 'conflict' });
    expect(await engine.inspectContainer('foreign')).toMatchObject({ labels: { owner: 'somebody' } });
  });

  test('containers are found by all of their labels', async () => {
    await engine.createContainer(specOf('found-1', { labels: { a: '1', b: '2' } }));
    await engine.createContainer(specOf('found-2', { labels: { a: '1', b: '3' } }));

    expect((await engine.listContainers({ a: '1' })).map(({ name }) => name).sort()).toEqual(['found-1', 'found-2']);
    expect((await engine.listContainers({ a: '1', b: '3' })).map(({ name }) => name)).toEqual(['found-2']);
  });

  test('a container that ends by itself shows its exit code', async () => {
    await engine.createContainer(specOf('ends', { command: ['/bin/sh', '-c', 'exit 9'], restart: 'no' }));
    await engine.startContainer('ends');

    await eventually(async () =>
      expect(await engine.inspectContainer('ends')).toMatchObject({ status: 'exited', exitCode: 9, health: 'none' }),
    );
  });

  test('a port that is none is refused with the text', async () => {
    await expect(engine.createContainer(specOf('port', { ports: ['http'] }))).rejects.toThrow('got "http"');
  });

  test('an engine that is not there is unreachable, and the message names host and endpoint', async () => {
    const nowhere = createEngine({ endpoint: 'unix:///nowhere/docker.sock', tls: null }, 'host-9');

    await expect(nowhere.info()).rejects.toMatchObject({
      kind: 'unreachable',
      message: matching(/host-9 at unix:\/\/\/nowhere/),
    });
  });

  test('an ssh endpoint is refused with what to do instead', () => {
    expect(() => createEngine({ endpoint: 'ssh://root@host', tls: null })).toThrow(/ssh -NL/);
  });
});
