import { createEngine } from '../drivers/docker/engine.ts';
import { createWorkerVersions } from '../drivers/worker-versions.ts';
import type { Engine } from '../model/engine.ts';
import type { Fleet, FleetHost } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import { upgraderLabels, type BuildId, type UpgraderRole, type WorkerVersion } from '../model/upgrader.ts';
import { taskQueue } from '../workflows/messages.ts';
import { connectTemporal, isAway } from './connection.ts';
import { Unreachable } from './unreachable.ts';

/** Longest wait for a host's engine, and for all of Temporal's answers; ms. */
const ANSWER_MS = 10_000;

export type UpgraderStatus = {
  /** null: the fleet's workers have no versions, or none is current yet. */
  readonly current: BuildId | null;
  readonly versions: readonly WorkerVersion[];
  readonly hosts: readonly UpgraderHost[];
};
export type UpgraderHost = {
  readonly host: HostId;
  readonly containers: readonly UpgraderContainer[];
  /** Why its engine did not say; null: it did. */
  readonly problem: string | null;
};
export type UpgraderContainer = {
  readonly name: string;
  readonly role: UpgraderRole;
  readonly build: BuildId;
  /** running, exited, … */
  readonly state: string;
  /** By the image's own check: none, starting, healthy or unhealthy. */
  readonly health: string;
};

/** What runs of the upgrader on its hosts, and what Temporal knows of its workers. Throws Unreachable without Temporal. */
export async function upgraderStatus(fleet: Fleet): Promise<UpgraderStatus> {
  const hosts = fleet.hosts.filter(({ carries }) => carries.upgrader);
  const [versions, found] = await Promise.all([
    readVersions(fleet),
    Promise.all(hosts.map((host) => readHost(fleet, host))),
  ]);
  return { current: versions.find(({ isCurrent }) => isCurrent)?.build ?? null, versions, hosts: found };
}

async function readVersions(fleet: Fleet): Promise<readonly WorkerVersion[]> {
  const { connection, namespace, address, until, close } = await connectTemporal(fleet);
  try {
    const versions = createWorkerVersions({
      service: connection.workflowService,
      within: ({ signal, deadline }, call) => connection.withAbortSignal(signal, async () => until(deadline, call)),
      ...{ namespace, fleet: fleet.fleet, taskQueue: taskQueue(fleet.fleet), identity: 'refit upgrader status' },
    });
    return await versions.list(AbortSignal.timeout(ANSWER_MS));
  } catch (error) {
    if (isAway(error)) throw new Unreachable(`temporal at ${address} does not answer any more`, { cause: error });
    throw error;
  } finally {
    await close();
  }
}

async function readHost({ fleet }: Fleet, { name: host, engine: access }: FleetHost): Promise<UpgraderHost> {
  try {
    const engine = createEngine(access, host);
    const signal = AbortSignal.timeout(ANSWER_MS);
    const found = await engine.listContainers({ [upgraderLabels.fleet]: fleet }, signal);
    const containers = await Promise.all(found.map(async ({ id }) => readContainer(engine, id, signal)));
    return { host, containers: containers.flat(), problem: null };
  } catch (error) {
    return { host, containers: [], problem: error instanceof Error ? error.message : String(error) };
  }
}

async function readContainer(engine: Engine, id: string, signal: AbortSignal): Promise<readonly UpgraderContainer[]> {
  const found = await engine.inspectContainer(id, signal);
  const role = found?.labels[upgraderLabels.role];
  if (found === null || (role !== 'worker' && role !== 'api')) return [];
  const { name, labels, status: state, health } = found;
  return [{ name, role, build: labels[upgraderLabels.build] ?? '', state, health }];
}
