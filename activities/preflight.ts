import { cancellationSignal } from '@temporalio/activity';
import { balancedServices } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import { packWaves, planServices, planWaves, type Plan, type PlannedHost } from '../model/plan.ts';
import { isAlreadyThere, judgePreflight, type FleetReading, type HostReading } from '../model/preflight.ts';
import { RegistryError, type ReadRelease } from '../model/registry.ts';
import { hostImages, imageReference, releaseImages, releaseLabel } from '../model/release.ts';
import type { Finding } from '../model/upgrade.ts';
import { MAX_FINDINGS, type Activities, type PreflightInput, type PreflightResult } from './activities.ts';
import { whileBeating } from './beating.ts';
import { wrongInput } from './failure.ts';
import { readFleetLevels } from './host-levels.ts';
import { readHost, type HostWasRead } from './host-reading.ts';
import { ownFleet } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import type { PlanStore } from './plan-store.ts';
import type { Ports } from './ports.ts';
import type { ReleaseCache } from './release-cache.ts';

/** Hosts that are read at the same time: each costs an engine's answer, the first time a download of the release. */
const MAX_PARALLEL = 16;
/** All findings of one answer, texts alone; characters. An answer stays under 16 kB. */
const FINDINGS_LENGTH = 10_000;
/** Bounds of one text of a finding, of which there are two; characters. */
const TEXT_LENGTH = { least: 90, most: 600 } as const;

export type PreflightPorts = Ports & { readonly releases: ReleaseCache; readonly plans: PlanStore };

/** Idempotent: reads, and lays a plan on the bus that is named by its digest. Touches no host. */
export function createPreflight(ports: PreflightPorts): Activities['preflight'] {
  return async (input) => {
    const progress = { read: 0, hosts: 0 };
    return whileBeating(
      () => progress,
      async () => preflight(ports, input, progress),
    );
  };
}

async function preflight(
  ports: PreflightPorts,
  input: PreflightInput,
  progress: { read: number; hosts: number },
): Promise<PreflightResult> {
  const signal = cancellationSignal();
  const fleet = ownFleet(ports, input.fleet);
  const hosts = fleet.hosts.map(({ name }) => name);
  progress.hosts = hosts.length;
  const read = await readRelease(ports, input, signal);
  const levels = await readFleetLevels(ports, input.fleet, hosts);
  const readOne = async (host: HostId): Promise<HostWasRead> => {
    const level = levels.get(host);
    if (level === undefined) throw new Error(`no level of host ${host} was read`);
    const result = await readHost(ports, { host, level, read, signal, upgrade: input.upgrade, policy: input.policy });
    progress.read += 1;
    return result;
  };
  const [etcd, missingImages, wereRead] = await Promise.all([
    ports.etcdHealth(signal),
    findMissingImages(ports, releaseImages(read.release), signal),
    inParallel(hosts, MAX_PARALLEL, readOne),
  ]);
  const reading: FleetReading = {
    fleet: input.fleet,
    release: read.release,
    ref: read.ref,
    policy: input.policy,
    downloadBytes: read.sizeBytes,
    hosts: wereRead.map((one) => one.reading),
    etcd,
    missingImages,
  };
  const findings = judgePreflight(reading);
  if (findings.some(({ severity }) => severity === 'error')) await removeImages(ports, wereRead, { read, signal });
  const plan = toPlan(input, reading);
  const balanced = balancedServices(fleet).length > 0;
  return toResult(plan, { planDigest: await ports.plans.save(plan), balanced, read, findings });
}

/** A registry that can't be reached is waited for; what it answers otherwise no retry mends. */
async function readRelease(ports: PreflightPorts, input: PreflightInput, signal: AbortSignal): Promise<ReadRelease> {
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

/** Those of the images that no registry has, or that could not be asked for. */
export async function findMissingImages(
  { registry }: Pick<Ports, 'registry'>,
  images: readonly string[],
  signal: AbortSignal,
): Promise<FleetReading['missingImages']> {
  const found = await inParallel(images, MAX_PARALLEL, async (image) => {
    try {
      return (await registry.exists(image, signal)) ? [] : [{ image, problem: 'its registry does not have it' }];
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RegistryError) return [{ image, problem: error.message }];
      throw error;
    }
  });
  return found.flat();
}

/** Nothing will be installed: hosts are left as they were, as far as they can be reached. */
async function removeImages(
  ports: Pick<Ports, 'engine'>,
  wereRead: readonly HostWasRead[],
  { read, signal }: { readonly read: ReadRelease; readonly signal: AbortSignal },
): Promise<void> {
  const pulled = wereRead.filter((one) => one.pulled).map((one) => one.reading.host);
  const reference = imageReference(read.ref);
  await inParallel(pulled, MAX_PARALLEL, async (host) =>
    ports
      .engine(host)
      .removeImage(reference, signal)
      .catch(() => 'inUse' as const),
  );
}

function toPlan(input: PreflightInput, { hosts, ref, release, policy, downloadBytes }: FleetReading): Plan {
  const planned = ({ host, facts }: HostReading): PlannedHost => ({
    name: host,
    from: facts?.installed?.version ?? null,
  });
  const isThere = (host: HostReading): boolean => isAlreadyThere(host, ref);
  const hop = {
    to: ref.version,
    steps: release.host.steps.map(({ id, type }) => ({ id, type })),
    downloadBytes,
    images: hostImages(release),
    waves: planWaves(hosts.filter((host) => !isThere(host)).map(planned), policy.install),
    alreadyThere: hosts.filter(isThere).map(planned),
    services: planServices(release),
  };
  return { upgrade: input.upgrade, fleet: input.fleet, release: ref, hops: [hop] };
}

function toResult(
  plan: Plan,
  found: {
    readonly planDigest: PreflightResult['planDigest'];
    readonly balanced: boolean;
    readonly read: ReadRelease;
    readonly findings: readonly Finding[];
  },
): PreflightResult {
  const waves = plan.hops.flatMap((hop) => hop.waves);
  return {
    release: plan.release,
    planDigest: found.planDigest,
    waves: packWaves(waves),
    alreadyThere: plan.hops.reduce((sum, hop) => sum + hop.alreadyThere.length, 0),
    services: plan.hops.reduce((sum, hop) => sum + hop.services.length, 0),
    balanced: found.balanced,
    downloadBytes: found.read.sizeBytes,
    hostDeadlineMs: found.read.release.host.deadlineMs,
    findings: boundFindings(found.findings, releaseLabel(plan.release)),
  };
}

/** Errors first, then at most MAX_FINDINGS; the last says how many more there are. */
export function boundFindings(findings: readonly Finding[], label: string): readonly Finding[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const sorted = [...errors, ...findings.filter(({ severity }) => severity === 'warning')];
  const fair = Math.floor(FINDINGS_LENGTH / (2 * Math.min(sorted.length, MAX_FINDINGS)));
  const length = Math.min(TEXT_LENGTH.most, Math.max(TEXT_LENGTH.least, fair));
  const short = sorted.map((one) => ({ ...one, what: shorten(one.what, length), remedy: shorten(one.remedy, length) }));
  if (short.length <= MAX_FINDINGS) return short;
  const more = short.length - (MAX_FINDINGS - 1);
  const severity = errors.length >= MAX_FINDINGS ? 'error' : 'warning';
  const last: Finding = {
    ...{ host: null, severity },
    what: `${more} more findings for ${label}`,
    remedy: 'mend these first, then try again',
  };
  return [...short.slice(0, MAX_FINDINGS - 1), last];
}

const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
