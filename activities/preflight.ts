import { cancellationSignal } from '@temporalio/activity';
import { carriersOf, upgradeOrder } from '../model/carried.ts';
import { balancedServices } from '../model/fleet.ts';
import type { Digest } from '../model/ids.ts';
import { hostOnPath } from '../model/preflight.ts';
import { judgePreflight } from '../model/preflight-findings.ts';
import { imagesOfStop, planHops, stopsOnPaths, type Stop } from '../model/plan-hops.ts';
import type { Hop } from '../model/plan.ts';
import { RegistryError, type ReadRelease } from '../model/registry.ts';
import { hostImages, releaseLabel } from '../model/release.ts';
import type { Finding } from '../model/upgrade.ts';
import type { Activities, PlannedHop, PlannedSelfUpgrade, PreflightInput, PreflightResult } from './activities.ts';
import { whileBeating } from './beating.ts';
import { wrongInput } from './failure.ts';
import { boundFindings } from './findings.ts';
import {
  readFirstHopPackages,
  readFleet,
  removeImages,
  type Count,
  type HostOfFleet,
  type ReadFleet,
} from './fleet-reading.ts';
import { describeChange, hopPlans, plannedHop } from './hop-plans.ts';
import { readHopReleases } from './hop-releases.ts';
import { findImageSizes, findMissingImages } from './images.ts';
import { ownFleet } from './own-fleet.ts';
import { planSelfUpgrade, upgraderImages } from './plan-self-upgrade.ts';
import type { PlanStore } from './plan-store.ts';
import type { Ports } from './ports.ts';
import type { ReleaseCache } from './release-cache.ts';

/** All of one answer, as JSON; characters. */
const ANSWER_LENGTH = 16_000;
/** Texts of its findings: what the hops leave room for, at the least for how many there are; characters. */
const FINDINGS_LENGTH = { least: 180, most: 10_000 } as const;
/** How much longer a finding is as JSON than its two texts. */
const FINDING_FRAME = 1.5;

export type PreflightPorts = Ports & { readonly releases: ReleaseCache; readonly plans: PlanStore };

/** Idempotent: reads, and lays a plan on the bus that is named by its digest. Touches no host. */
export function createPreflight(ports: PreflightPorts): Activities['preflight'] {
  return async (input) => {
    const count: Count = { read: 0, hosts: 0 };
    return whileBeating(
      () => count,
      async () => preflight(ports, input, count),
    );
  };
}

async function preflight(ports: PreflightPorts, input: PreflightInput, count: Count): Promise<PreflightResult> {
  const signal = cancellationSignal();
  const fleet = ownFleet(ports, input.fleet);
  const target = await readTarget(ports, input, signal);
  const read = { input, hosts: upgradeOrder(fleet.hosts).map(({ name }) => name), target, count, signal };
  const hosts = await readFleet(ports, read);
  const planned = await planFleet(ports, read, hosts);
  const changed = planned.isWhole ? describeChange(input.tree, planned.hops) : null;
  const errors = planned.findings.filter(({ severity }) => severity === 'error');
  if (changed !== null || errors.length > 0) await removeImages(ports, hosts, read);
  if (changed !== null) throw wrongInput(changed);
  const own = { target, hosts, hops: planned.hops.length, signal };
  const selfUpgrade = errors.length > 0 ? null : await planSelfUpgrade(ports, own);
  return toResult(ports, input, { ...planned, target, balanced: balancedServices(fleet).length > 0, selfUpgrade });
}

/** A registry that can't be reached is waited for; what it answers otherwise no retry mends. */
async function readTarget(ports: PreflightPorts, input: PreflightInput, signal: AbortSignal): Promise<ReadRelease> {
  try {
    const read = await ports.releases.readReference(input.reference, signal);
    if (read.ref.digest === input.digest) return read;
    const means = `${input.reference} means ${read.ref.digest} now`;
    throw wrongInput(`${means}, and meant ${input.digest} when the upgrade was asked for; start it again`);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.kind === 'unreachable') throw error;
    throw wrongInput(error.message, error);
  }
}

/** `isWhole`: every release on the hosts' paths could be read. */
type Planned = {
  readonly hops: readonly Hop[];
  readonly isWhole: boolean;
  readonly releases: ReadonlyMap<Digest, ReadRelease>;
  readonly findings: readonly Finding[];
};

async function planFleet(
  ports: PreflightPorts,
  { input, target, signal, ...read }: ReadFleet,
  wereRead: readonly HostOfFleet[],
): Promise<Planned> {
  const { fleet, policy } = input;
  const onPaths = wereRead.map(({ reading }) => hostOnPath(reading, target.ref));
  const stops = stopsOnPaths(onPaths, target.ref, ports.versions);
  const { releases, problems } = await readHopReleases(ports.releases, { target, stops, signal });
  const [etcd, missingImages, imageSizes, hosts] = await Promise.all([
    ports.etcdHealth(signal),
    findMissingImages(
      ports,
      [...imagesOf(stops, releases, imagesOfStop), ...upgraderImages(ports, target.release)],
      signal,
    ),
    findImageSizes(
      ports,
      imagesOf(stops, releases, (_, release) => hostImages(release)),
      signal,
    ),
    readFirstHopPackages(ports, wereRead, { read: { input, target, signal, ...read }, releases }),
  ]);
  const findings = judgePreflight({
    ...{ fleet, target, policy, hosts, etcd, missingImages },
    ...{ releases: [...releases.values()], hopCount: stops.length, chainProblems: problems },
  });
  const carriers = carriersOf(ownFleet(ports, fleet).hosts);
  const hops = planHops({ hosts: onPaths, stops, releases, imageSizes, install: policy.install, carriers });
  return { hops, isWhole: problems.length === 0, releases, findings };
}

/** Each once, in the order of the hops. */
const imagesOf = (
  stops: readonly Stop[],
  releases: Planned['releases'],
  images: (stop: Stop, release: ReadRelease['release']) => readonly string[],
): readonly string[] => [
  ...new Set(
    stops.flatMap((stop) => {
      const read = releases.get(stop.digest);
      return read === undefined ? [] : images(stop, read.release);
    }),
  ),
];

async function toResult(
  ports: PreflightPorts,
  input: PreflightInput,
  found: Planned & {
    readonly target: ReadRelease;
    readonly balanced: boolean;
    readonly selfUpgrade: PlannedSelfUpgrade | null;
  },
): Promise<PreflightResult> {
  const { balanced, target, releases, selfUpgrade } = found;
  const plans = hopPlans(input, found.hops);
  const digests = await ports.plans.save(plans);
  const hasErrors = found.findings.some(({ severity }) => severity === 'error');
  const hops = plans.flatMap((plan, index): readonly PlannedHop[] => {
    const [read, digest] = [releases.get(plan.hop.release.digest), digests[index]];
    if (read === undefined || digest === undefined) return [];
    const hop = plannedHop(plan, read, digest);
    // What is not going to run needs no waves; what is wrong needs the room.
    return [hasErrors ? { ...hop, waves: [], migrations: [] } : hop];
  });
  const room = (ANSWER_LENGTH - JSON.stringify({ hops, release: target.ref, selfUpgrade }).length) / FINDING_FRAME;
  const length = Math.min(FINDINGS_LENGTH.most, Math.max(FINDINGS_LENGTH.least, room));
  const findings = boundFindings(found.findings, releaseLabel(target.ref), length);
  return { release: target.ref, hops, balanced, findings, ...(selfUpgrade !== null && { selfUpgrade }) };
}
