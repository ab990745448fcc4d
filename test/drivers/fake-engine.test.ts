import { describe, expect, test } from 'vitest';
import type { ContainerSpec } from '../../model/engine.ts';
import { unitLabels } from '../../model/unit.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { describeSlotEngine } from './slot-engine-contract.ts';

const IMAGE = 'busybox:test';
const labels = { [unitLabels.unit]: 'shop' };

function newEngine(): FakeEngine {
  const engine = new FakeEngine('host-1');
  engine.images.add(IMAGE);
  return engine;
}

const specOf = (name: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
  ...{ name, image: IMAGE, command: [], env: {}, ports: [], volumes: [], network: 'default', restart: 'no', labels },
  ...more,
});

describe('the engine in memory', () => {
  const engine = newEngine();
  const gates = new Map<string, () => void>();
  const wordsRun: string[] = [];
  describeSlotEngine(() => ({
    engine,
    image: IMAGE,
    aliasesOf: async (container, network) => {
      const aliases = engine.containers.find(container)?.networks.get(network);
      return Promise.resolve(aliases === undefined ? null : [...aliases].sort());
    },
    read: async (container, path) => {
      const file = engine.containers.find(container)?.files.get(path);
      const { content = [], mode = '', uid = -1, gid = -1 } = file ?? {};
      const octal = Number.parseInt(mode, 8).toString(8);
      return Promise.resolve(`${Buffer.from(content).toString()} ${octal} ${uid} ${gid}`);
    },
    says: (words, { exitCode, gate }) => {
      const opened = new Promise<void>((resolve) => {
        if (gate === undefined) resolve();
        else gates.set(gate, resolve);
      });
      engine.programs.set(words, async (job) => {
        wordsRun.push(words);
        await opened;
        job.onLine?.(words);
        return { outcome: 'exited', exitCode, lines: [words] };
      });
      return [words];
    },
    open: async (gate) => Promise.resolve(gates.get(gate)?.()),
    hangs: () => ['hangs'],
    timesRun: async (words) => Promise.resolve(wordsRun.filter((one) => one === words).length),
    endsAtOnce: (spec) => ({
      spec,
      end: async () => Promise.resolve().then(() => engine.containers.end(spec.name, 3)),
    }),
  }));
});

describe('faults of the engine in memory', () => {
  test('a call fails once, before or after what it does', async () => {
    const engine = newEngine();

    engine.failNext('createContainer', 'unreachable');
    await expect(engine.createContainer(specOf('one'))).rejects.toMatchObject({ kind: 'unreachable' });
    expect(await engine.inspectContainer('one')).toBeNull();
    engine.failNext('createContainer', 'unreachable', 'done');
    await expect(engine.createContainer(specOf('one'))).rejects.toMatchObject({ kind: 'unreachable' });

    expect(await engine.createContainer(specOf('one'))).toMatchObject({ adopted: true });
  });

  test('a container is unwell as long as a test says so, also one that comes later', async () => {
    const engine = newEngine();
    const health = { minHealthyTimeMs: 0, deadlineMs: 0, probe: null };
    engine.containers.sicken('later', 'answers 500');
    await engine.createContainer(specOf('later'));
    await engine.startContainer('later');

    expect(await engine.awaitHealth('later', health)).toBe('answers 500');
    expect(await engine.inspectContainer('later')).toMatchObject({ running: true, health: 'unhealthy' });
    engine.containers.sicken('later', null);
    expect(await engine.awaitHealth('later', health)).toBeNull();
  });

  test('a port of the host is published once', async () => {
    const engine = newEngine();
    await engine.createContainer(specOf('first', { ports: ['8080:80/tcp'] }));
    await engine.createContainer(specOf('second', { ports: ['8080:80/tcp'] }));
    await engine.startContainer('first');

    await expect(engine.startContainer('second')).rejects.toMatchObject({ kind: 'refused' });

    await engine.stopContainer('first', {});
    await engine.startContainer('second');
  });

  test('a kept job that did not end in time says so again, and one that could not be started is tried again', async () => {
    const engine = newEngine();
    const job = {
      name: 'late',
      image: IMAGE,
      binds: [],
      env: {},
      labels,
      command: ['late'],
      deadlineMs: 1,
      keep: true,
    };
    const late = { outcome: 'failed', kind: 'deadline', message: 'late' } as const;
    expect(await engine.runJob(job)).toMatchObject({ kind: 'refused' });
    engine.programs.set('late', () => late);

    expect(await engine.runJob(job)).toEqual(late);
    expect(await engine.runJob(job)).toEqual(late);

    expect(engine.ran).toEqual(['late', 'late']);
    expect(engine.containers.find('late')).toMatchObject({ running: false, exitCode: 137 });
  });
});
