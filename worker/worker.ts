import { Worker, type NativeConnection, type WorkerDeploymentOptions } from '@temporalio/worker';
import { hostname } from 'node:os';
import { createActivities } from '../activities/create.ts';
import type { Ports } from '../activities/ports.ts';
import type { FleetId } from '../model/ids.ts';
import { deploymentName } from '../model/upgrader.ts';
import { taskQueue } from '../workflows/messages.ts';
import { bundleWorkflows } from './bundle.ts';
import type { OwnVersion } from './versions.ts';

/** Activities at the same time: two whole waves, since each of them only waits for a host. */
const MAX_ACTIVITIES = 256;
/** How long running activities may go on after the worker was asked to end. They are couriers: another worker goes on at once. */
const SHUTDOWN_GRACE = '2 seconds';
/** When a worker that does not drain ends all the same. */
const SHUTDOWN_FORCE = '15 seconds';
/** How long a task waits for the worker that knows the run, before any other takes it: a worker that was killed is noticed by then. */
const STICKY_TIMEOUT = '2 seconds';
/** How often a heartbeat is passed on to the server, where the live progress reads it. */
const HEARTBEAT_THROTTLE = '1 second';

export type RefitWorkerOptions = {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly fleet: FleetId;
  readonly ports: Ports;
  /** null: work of any version, as a worker from the sources takes it. */
  readonly version: OwnVersion | null;
  /** Absent: those over the ports. Tests put kills around them. */
  readonly activities?: object;
  /** Another place for the bundled workflow code; tests that bundle at the same time have one each. */
  readonly bundleFolder?: string;
};

/** A worker of one fleet; any number of them may run. */
export async function createRefitWorker(options: RefitWorkerOptions): Promise<Worker> {
  const { connection, namespace, fleet, ports, version, activities = createActivities(ports), bundleFolder } = options;
  return Worker.create({
    connection,
    namespace,
    taskQueue: taskQueue(fleet),
    workflowBundle: await bundleWorkflows(bundleFolder),
    activities,
    identity: version?.identity ?? `${hostname()}:${process.pid}`,
    ...(version !== null && { workerDeploymentOptions: versioned(fleet, version) }),
    maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    shutdownGraceTime: SHUTDOWN_GRACE,
    shutdownForceTime: SHUTDOWN_FORCE,
  });
}

/** A run ends on the build that it began on, unless it goes on as a new run. */
const versioned = (fleet: FleetId, { build }: OwnVersion): WorkerDeploymentOptions => ({
  version: { deploymentName: deploymentName(fleet), buildId: build },
  useWorkerVersioning: true,
  defaultVersioningBehavior: 'PINNED',
});
