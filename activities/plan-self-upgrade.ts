import type { ReadRelease } from '../model/registry.ts';
import { planAgents } from '../model/self-upgrade.ts';
import { buildOf, type PlannedUpgrader } from '../model/upgrader.ts';
import type { PlannedSelfUpgrade } from './activities.ts';
import type { HostOfFleet } from './fleet-reading.ts';
import type { Ports } from './ports.ts';
import { upgraderHosts } from './switch-workers.ts';

type Read = {
  readonly target: ReadRelease;
  readonly hosts: readonly Pick<HostOfFleet, 'level'>[];
  readonly hops: number;
  readonly signal: AbortSignal;
};

/** What of refit itself the release brings; null: nothing. */
export async function planSelfUpgrade(
  ports: Pick<Ports, 'loadFleet' | 'workerVersions'>,
  read: Read,
): Promise<PlannedSelfUpgrade | null> {
  const upgrader = await planUpgrader(ports, read);
  const { target, hosts, hops } = read;
  const agents = planAgents(target.agent, { running: hosts.map(({ level }) => level.alive?.agent ?? null), hops });
  return upgrader === null && agents === null ? null : { upgrader, agents };
}

/** Workers of other builds that are left from before are a reason, too: they go as soon as nobody needs them. */
async function planUpgrader(
  ports: Pick<Ports, 'loadFleet' | 'workerVersions'>,
  { target, signal }: Read,
): Promise<PlannedUpgrader | null> {
  const image = target.release.upgrader?.image;
  const hosts = upgraderHosts(ports);
  if (image === undefined || hosts.length === 0) return null;
  const versions = await ports.workerVersions.list(signal);
  const current = versions.find(({ isCurrent }) => isCurrent)?.build ?? null;
  const isAlone = versions.every(({ build, workers }) => build === buildOf(image) || workers.length === 0);
  return current === buildOf(image) && isAlone ? null : { image, current, hosts };
}

/** What the registry must have of the upgrader's own, where the fleet carries it. */
export const upgraderImages = (
  ports: Pick<Ports, 'loadFleet'>,
  { upgrader }: ReadRelease['release'],
): readonly string[] => (upgrader === null || upgraderHosts(ports).length === 0 ? [] : [upgrader.image]);
