import type { HostId } from '../model/ids.ts';
import { createPathFinder } from '../model/path.ts';
import { hopsOf } from '../model/plan-hops.ts';
import { hostOnPath, installedOf, packagesOf, type HostWithPath } from '../model/preflight.ts';
import type { ReadRelease } from '../model/registry.ts';
import { imageReference } from '../model/release.ts';
import type { PreflightInput } from './activities.ts';
import { readFleetLevels, type HostLevel } from './host-levels.ts';
import { readHost, readPackages, type HostWasRead } from './host-reading.ts';
import type { HopReleases } from './hop-releases.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';

/** Hosts that are read at the same time: each costs an engine's answer, the first time a download of the release. */
const MAX_PARALLEL = 16;

/** How far a preflight is, for its heartbeat. */
export type Count = { read: number; hosts: number };

export type ReadFleet = {
  readonly input: PreflightInput;
  readonly hosts: readonly HostId[];
  readonly target: ReadRelease;
  readonly count: Count;
  readonly signal: AbortSignal;
};

/** A host, its path, and whether the release's image came with the look at it. */
export type HostOfFleet = HostWasRead & { readonly reading: HostWithPath; readonly level: HostLevel };

/** Reads every host, and finds the path of each. */
export async function readFleet(
  ports: Ports,
  { input, hosts, target, count, signal }: ReadFleet,
): Promise<readonly HostOfFleet[]> {
  count.hosts = hosts.length;
  const levels = await readFleetLevels(ports, input.fleet, hosts);
  const findPath = createPathFinder(
    { ...target.release, digest: target.ref.digest },
    { versions: ports.versions, acceptRisks: input.policy.acceptRisks },
  );
  return inParallel(hosts, MAX_PARALLEL, async (host) => {
    const level = levels.get(host);
    if (level === undefined) throw new Error(`no level of host ${host} was read`);
    const { upgrade, policy } = input;
    const { reading, pulled } = await readHost(ports, { host, level, read: target, signal, upgrade, policy });
    count.read += 1;
    return { level, pulled, reading: { ...reading, path: findPath(installedOf(reading)) } };
  });
}

/**
 * Asks hosts where no agent lives once more, for the packages that their first hop replaces: the first look could not
 * know which release that is.
 */
export async function readFirstHopPackages(
  ports: Ports,
  hosts: readonly HostOfFleet[],
  { read, releases }: { readonly read: ReadFleet; readonly releases: HopReleases['releases'] },
): Promise<readonly HostWithPath[]> {
  const { input, target, signal } = read;
  return inParallel(hosts, MAX_PARALLEL, async ({ reading, level }) => {
    const { facts, host } = reading;
    const [first] = hopsOf(hostOnPath(reading, target.ref), target.ref);
    const release = first === undefined ? undefined : releases.get(first.digest)?.release;
    if (facts === null || level.alive !== null || release === undefined || first?.digest === target.ref.digest) {
      return reading;
    }
    const asked = packagesOf(release).filter(({ name }) => !(name in facts.packages));
    if (asked.length === 0) return reading;
    const { upgrade, policy } = input;
    const place = { host, level, read: target, signal, upgrade, policy };
    const found = await readPackages(ports, { ...place, packages: asked });
    if (found.packages === null) return { ...reading, facts: null, factsProblem: found.problem };
    return { ...reading, facts: { ...facts, packages: { ...facts.packages, ...found.packages } } };
  });
}

/** Nothing will be installed: hosts are left as they were, as far as they can be reached. */
export async function removeImages(
  ports: Pick<Ports, 'engine'>,
  hosts: readonly HostOfFleet[],
  { target, signal }: Pick<ReadFleet, 'target' | 'signal'>,
): Promise<void> {
  const pulled = hosts.filter((one) => one.pulled).map((one) => one.reading.host);
  const reference = imageReference(target.ref);
  await inParallel(pulled, MAX_PARALLEL, async (host) =>
    ports
      .engine(host)
      .removeImage(reference, signal)
      .catch(() => 'inUse' as const),
  );
}
