import { cancellationSignal, log } from '@temporalio/activity';
import { EngineError } from '../model/engine.ts';
import type { HostId } from '../model/ids.ts';
import { workLabels } from '../model/replacement.ts';
import { whileBeating } from './beating.ts';
import type { MigrationActivities } from './migration-activities.ts';
import { jobLabels, MIGRATION_JOB, type MigrationPorts } from './migration-job.ts';
import { engineOf, ownFleet } from './own-fleet.ts';
import { inParallel } from './parallel.ts';

/** Engines that are asked at the same time. */
const MAX_PARALLEL = 16;

/** Idempotent. What runs is left alone; so is a host that does not answer, whose containers harm nobody. */
export function createRemoveMigrationJobs(ports: MigrationPorts): MigrationActivities['removeMigrationJobs'] {
  return async ({ fleet, upgrade, release }) => {
    const hosts = ownFleet(ports, fleet).hosts.map(({ name }) => name);
    const labels = { [workLabels.upgrade]: upgrade, [jobLabels.job]: MIGRATION_JOB };
    const counts = await whileBeating(
      () => ({ detail: `removing the containers of the migrations to ${release.version}` }),
      async () => inParallel(hosts, MAX_PARALLEL, async (host) => removeOn(ports, { fleet, host }, labels)),
    );
    return { removed: counts.reduce((sum, count) => sum + count, 0) };
  };
}

async function removeOn(
  ports: MigrationPorts,
  place: Parameters<typeof engineOf>[1] & { readonly host: HostId },
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const signal = cancellationSignal();
  try {
    const engine = engineOf(ports, place);
    const ended = (await engine.listContainers(labels, signal)).filter(({ running }) => !running);
    for (const { id } of ended) await engine.removeContainer(id, { force: false, volumes: true, signal });
    return ended.length;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    log.warn('containers of migrations stay', { host: place.host, why: error.message });
    return 0;
  }
}
