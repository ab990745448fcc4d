import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { askingNow } from '../../drivers/worker-versions.ts';
import { parseFleetId, type FleetId } from '../../model/ids.ts';
import { deploymentName, type BuildId } from '../../model/upgrader.ts';
import { openWorkerVersions } from '../../worker/versions.ts';
import { taskQueue } from '../../workflows/messages.ts';
import { FakeWorkerVersions } from '../fakes/fake-worker-versions.ts';
import { bundleWaiting, type Waiting } from '../worker/waiting/bundle.ts';
import { installRuntime } from '../workflows/world.ts';
import { describeWorkerVersions, type VersionsWorld } from './worker-versions-contract.ts';

/** What is done at once in memory, as the contract has it. */
const inMemory = (work: () => void) => (): Promise<void> => {
  work();
  return Promise.resolve();
};

describe('a fake’s worker versions', () => {
  describeWorkerVersions(() => {
    const versions = new FakeWorkerVersions();
    let runs = 0;
    return {
      versions,
      startWorker: async (build) => {
        const identity = `worker of ${build}`;
        versions.startWorker(build, identity);
        return Promise.resolve({ identity, end: inMemory(() => versions.endWorker(build, identity)) });
      },
      startRun: async () => {
        const run = `run-${(runs += 1)}`;
        versions.startRun(run);
        return Promise.resolve({
          run: { workflowId: run, runId: run },
          wake: inMemory(() => undefined),
          end: inMemory(() => versions.endRun(run)),
        });
      },
      close: inMemory(() => undefined),
    };
  });
});

describe('Temporal’s worker versions', () => {
  const address = inject('temporalAddress');
  let connection: NativeConnection;
  let client: Client;
  let workflowBundle: WorkflowBundle;
  let count = 0;
  beforeAll(async () => {
    installRuntime();
    connection = await NativeConnection.connect({ address });
    client = new Client({ connection: await Connection.connect({ address }) });
    workflowBundle = await bundleWaiting();
  });
  afterAll(async () => {
    await client.connection.close();
    await connection.close();
  });

  describeWorkerVersions(() => {
    const fleet = parseFleetId(`versions-${process.pid}-${(count += 1)}`);
    const ending: (() => Promise<void>)[] = [];
    const startRun = async (): ReturnType<VersionsWorld['startRun']> => {
      const workflowId = `waiting/${fleet}/${ending.length}`;
      const handle = await client.workflow.start<Waiting>('waiting', {
        workflowId,
        taskQueue: taskQueue(fleet),
        args: [],
      });
      // A query is answered by a worker only.
      await handle.query('begun');
      const end = async (): Promise<void> => {
        await handle.terminate();
      };
      // One that nobody waits for is a task all the same.
      const wake = async (): Promise<void> => handle.signal('wake');
      return { run: { workflowId, runId: handle.firstExecutionRunId }, wake, end };
    };
    const startWorker = async (build: BuildId): ReturnType<VersionsWorld['startWorker']> => {
      const identity = `host-1/refit-worker-${build}`;
      // It is heard by its questions for activities.
      const activities = { nothing: async () => Promise.resolve() };
      const options = { connection, workflowBundle, activities, identity, ...versioned(fleet, build) };
      const worker = await Worker.create(options);
      const running = worker.run();
      const end = async (): Promise<void> => {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await running;
      };
      ending.push(end);
      return { identity, end };
    };
    const close = async (): Promise<void> => {
      for (const end of ending) await end();
    };
    return { versions: openWorkerVersions({ connection, namespace: 'default' }, fleet), startWorker, startRun, close };
  });

  test('a worker that has not asked for more than a minute is taken for ended, though the server lists it', () => {
    const pollers = [
      { identity: 'b', lastAccessMs: 100_000 },
      { identity: 'a', lastAccessMs: 90_000 },
      { identity: 'a', lastAccessMs: 95_000 },
      { identity: 'gone', lastAccessMs: 10_000 },
    ];

    expect(askingNow(pollers, 100_000)).toEqual(['a', 'b']);
  });
});

const versioned = (fleet: FleetId, buildId: BuildId) =>
  ({
    taskQueue: taskQueue(fleet),
    workerDeploymentOptions: {
      version: { deploymentName: deploymentName(fleet), buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'PINNED',
    },
  }) as const;
