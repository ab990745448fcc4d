import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { FleetId } from '../../model/ids.ts';
import type { Policy } from '../../model/policy.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { createFakeActivities } from '../fakes/activities.ts';
import { FakeFleet } from '../fakes/fake-fleet.ts';
import { startUpgrade, type Upgrade } from './upgrade.ts';

/** Workflows on a real server over fleets in memory. */
export type World = {
  readonly client: Client;
  readonly taskQueue: string;
  /** A new fleet with a name of its own; so many hosts on 1.0.0, or hosts on these versions. */
  readonly fleet: (hosts: number | readonly (string | null)[]) => FakeFleet;
  readonly start: (fleet: FakeFleet, policy?: Partial<Policy>) => Promise<Upgrade>;
  readonly startWorker: () => Promise<Worker>;
  /** Ends one worker, or all of them; what its activities were doing is tried again elsewhere. */
  readonly stopWorker: (worker?: Worker) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Silent: a failure that a test asks for is no news. */
const LOG_LEVEL = 'ERROR';

export type WorldParts = {
  /** 0: every step of a workflow is replayed from its history. */
  readonly maxCachedWorkflows?: number;
};

/** One world a test file: a task queue of its own, and a worker. */
export async function openWorld(address: string, parts: WorldParts = {}): Promise<World> {
  installRuntime();
  const [connection, workflowBundle] = await Promise.all([Connection.connect({ address }), bundleWorkflows()]);
  const client = new Client({ connection });
  const unique = `${process.pid}-${Date.now().toString(36)}`;
  const taskQueue = `test-${unique}`;
  const fleets = new Map<FleetId, FakeFleet>();
  const workers = new Map<Worker, Promise<void>>();

  const startWorker = async (): Promise<Worker> => {
    const activities = createFakeActivities(fleets);
    // A worker has a connection of its own, as in a process of its own.
    const connection = await NativeConnection.connect({ address });
    const worker = await Worker.create({
      ...{ connection, taskQueue, workflowBundle, activities: { ...activities } },
      // A broken invariant fails the upgrade at once instead of being tried for ever.
      workflowFailureErrorTypes: { '*': ['Error'] },
      // A cancelled activity hears of it with its next beat.
      maxHeartbeatThrottleInterval: '100 milliseconds',
      // What a worker that has gone was about to decide is another's soon.
      stickyQueueScheduleToStartTimeout: '500 milliseconds',
      maxConcurrentActivityTaskExecutions: 400,
      ...(parts.maxCachedWorkflows !== undefined && { maxCachedWorkflows: parts.maxCachedWorkflows }),
    });
    workers.set(
      worker,
      worker.run().finally(async () => connection.close()),
    );
    return worker;
  };
  const stopOne = async (worker: Worker): Promise<void> => {
    const running = workers.get(worker);
    workers.delete(worker);
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
  };
  const stopWorker = async (worker?: Worker): Promise<void> => {
    await Promise.all((worker === undefined ? [...workers.keys()] : [worker]).map(stopOne));
  };

  await startWorker();
  return {
    client,
    taskQueue,
    startWorker,
    stopWorker,
    fleet: (hosts) => {
      const versions = typeof hosts === 'number' ? Array.from({ length: hosts }, () => '1.0.0') : hosts;
      const fleet = new FakeFleet(`f${fleets.size + 1}-${unique}`, versions);
      fleets.set(fleet.name, fleet);
      return fleet;
    },
    start: async (fleet, policy = {}) => startUpgrade({ client, taskQueue, fleet, policy }),
    close: async () => {
      await stopWorker();
      await connection.close();
    },
  };
}

/** Once a process, before anything else of the SDK's worker. */
export function installRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger(LOG_LEVEL),
    telemetryOptions: { logging: { filter: { core: LOG_LEVEL, other: LOG_LEVEL } } },
  });
}
