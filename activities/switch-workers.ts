import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { HostId } from '../model/ids.ts';
import { buildOf, type BuildId, type WorkerVersion } from '../model/upgrader.ts';
import { whileBeating } from './beating.ts';
import { engineOf } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import type { RetiredWorkers, SelfUpgradeActivities, WorkersInput } from './self-upgrade-activities.ts';
import { buildLabel, isOfBuild, stopAndRemove, upgraderContainers, type UpgraderPlace } from './upgrader-containers.ts';

/**
 * Idempotent: what is current stays so. The upgrade that switches goes along: the successor has replayed it, and a new run of
 * its own would be pinned where this one is.
 */
export function createSwitchWorkers(
  ports: Pick<Ports, 'loadFleet' | 'workerVersions'>,
): SelfUpgradeActivities['switchWorkers'] {
  return async ({ image }) => {
    const signal = cancellationSignal();
    const current = (await ports.workerVersions.list(signal)).find(({ isCurrent }) => isCurrent)?.build ?? null;
    await ports.workerVersions.setCurrent(buildOf(image), signal);
    const { workflowExecution } = activityInfo();
    // Without a version before, it is pinned to none.
    if (current !== null && workflowExecution !== undefined) {
      await ports.workerVersions.moveOn(workflowExecution, signal);
    }
    return { before: current };
  };
}

type RetirePorts = Pick<Ports, 'engine' | 'loadFleet' | 'workerVersions'>;

/**
 * Idempotent: what is gone is gone. A host that can't be reached is thrown once the others are done.
 *
 * A build stays while a run is pinned to it, on all of its hosts: its runs may be on any of its workers.
 */
export function createRetireWorkers(ports: RetirePorts): SelfUpgradeActivities['retireWorkers'] {
  return async (input) => {
    const signal = cancellationSignal();
    return whileBeating(
      () => ({ stage: 'retiring' }),
      async () => retire(ports, input, signal),
    );
  };
}

async function retire(
  ports: RetirePorts,
  { fleet, image, hosts }: WorkersInput,
  signal: AbortSignal,
): Promise<RetiredWorkers> {
  const versions = await ports.workerVersions.list(signal);
  const retired: RetiredWorkers['retired'][number][] = [];
  const kept = new Map<BuildId, number>();
  const failures: unknown[] = [];
  for (const host of hosts) {
    const place = { fleet, host, engine: engineOf(ports, { fleet, host }), signal };
    try {
      const ended = await retireOn(place, { image, versions, kept });
      retired.push(...ended.map((build) => ({ host, build })));
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return { retired, kept: [...kept].map(([build, openRuns]) => ({ build, openRuns })) };
}

async function retireOn(
  place: UpgraderPlace,
  work: { readonly image: string; readonly versions: readonly WorkerVersion[]; readonly kept: Map<BuildId, number> },
): Promise<readonly BuildId[]> {
  const ended: BuildId[] = [];
  for (const container of await upgraderContainers(place, 'worker')) {
    const build = buildLabel(container);
    if (isOfBuild(container, work.image)) continue;
    const version = work.versions.find((one) => one.build === build);
    // Whoever made another version current meanwhile knows why.
    if (version?.isCurrent === true || (version?.openRuns ?? 0) > 0) {
      work.kept.set(build, version?.openRuns ?? 0);
      continue;
    }
    await stopAndRemove(place, container.id);
    ended.push(build);
  }
  return ended;
}

/** Hosts of the fleet that carry worker and API, in the fleet file's order. */
export const upgraderHosts = ({ loadFleet }: Pick<Ports, 'loadFleet'>): readonly HostId[] =>
  loadFleet().hosts.flatMap(({ name, carries }) => (carries.upgrader ? [name] : []));
