import { isAtWork } from './agent-phase.ts';
import type { HostFacts } from './bus.ts';
import { error, warning } from './finding.ts';
import type { Digest, HostId } from './ids.ts';
import { kernelFindings } from './kernel-findings.ts';
import { hopsOf } from './plan-hops.ts';
import type { Policy } from './policy.ts';
import {
  installedOf,
  isAlreadyThere,
  packagesOf,
  replacingPackagesOf,
  type HostReading,
  type HostWithPath,
} from './preflight.ts';
import type { ReadRelease } from './registry.ts';
import { releaseLabel } from './release.ts';
import type { Finding } from './upgrade.ts';

/**
 * What a download needs of a host's disk, as a multiple of the compressed size that the registry names: the engine's copy
 * while it unpacks, the unpacked layers (about twice), and less than that for the Downloader Job's copy beside them.
 */
const DISK_FACTOR = 3;
/** Clocks further apart than this make times in reports hard to read; nothing is decided by them. ms. */
const MAX_CLOCK_SKEW_MS = 30_000;

type Fleet = {
  readonly target: ReadRelease;
  readonly policy: Policy;
  /** Those on the hosts' paths that could be read. */
  readonly releases: ReadonlyMap<Digest, ReadRelease>;
};
/** A host's facts, and the releases that it is to get, one after another. */
type Judged = { readonly host: HostId; readonly facts: HostFacts; readonly hops: readonly ReadRelease[] };

/** Every finding of one host; of the others nothing is known here. Pure. */
export function hostFindings(reading: HostWithPath, fleet: Fleet): readonly Finding[] {
  const { host, facts, busProblems } = reading;
  const findings = busProblems.map((problem) => warning(host, problem, 'look who writes to etcd besides refit'));
  if (reading.engineProblem !== null) {
    findings.push(
      error(host, reading.engineProblem, `check the Docker Engine on ${host} and the fleet file's endpoint`),
    );
  }
  if (facts === null) {
    findings.push(...pathFindings(reading));
    if (reading.engineProblem !== null && reading.factsProblem === null) return findings;
    const what = reading.factsProblem ?? 'nothing could be read of it';
    return [...findings, error(host, what, `check the host: refit fleet status`)];
  }
  const judged = { host, facts, hops: releasesOf(reading, fleet) };
  return [
    ...findings,
    ...diskFindings(judged, fleet.policy),
    ...pathFindings(reading),
    ...architectureFindings(judged),
    ...stateFindings(reading, facts, judged.hops[0] ?? fleet.target),
    ...packageFindings(judged),
    ...kernelFindings(judged),
    ...driftFindings(host, facts),
    ...clockFindings(reading),
  ];
}

/** That no path leads from what the host is on to the target. */
export function pathFindings(reading: HostWithPath): readonly Finding[] {
  const { host, path } = reading;
  const installed = installedOf(reading);
  if (path.path !== 'none' || installed === null) return [];
  return [error(host, `is on ${releaseLabel(installed)}, ${path.because}`, path.remedy)];
}

const releasesOf = (reading: HostWithPath, { target, releases }: Fleet): readonly ReadRelease[] =>
  hopsOf({ path: reading.path, isThere: isAlreadyThere(reading, target.ref) }, target.ref).flatMap(
    ({ digest }) => releases.get(digest) ?? [],
  );

/** The largest hop counts: what the one before left behind may be removed before the next. */
function diskFindings({ host, facts, hops }: Judged, { diskFloorBytes }: Policy): readonly Finding[] {
  const needed = hops
    .filter(({ ref }) => ref.digest !== facts.installed?.digest)
    .map((read) => ({ read, bytes: read.sizeBytes * DISK_FACTOR + read.release.host.diskFreeBytes + diskFloorBytes }))
    .reduce<{ read: ReadRelease; bytes: number } | null>(
      (most, one) => (most === null || one.bytes > most.bytes ? one : most),
      null,
    );
  if (needed === null || facts.diskFreeBytes >= needed.bytes) return [];
  const { ref, sizeBytes, release } = needed.read;
  const parts = [
    `${megabytes(sizeBytes * DISK_FACTOR)} for the download`,
    `${megabytes(release.host.diskFreeBytes)} that the release asks for`,
    `${megabytes(diskFloorBytes)} that stay free`,
  ];
  const what = `${megabytes(facts.diskFreeBytes)} free, ${releaseLabel(ref)} needs ${megabytes(needed.bytes)}`;
  return [error(host, `${what} (${parts.join(', ')})`, `make room on ${host}, for instance: docker image prune`)];
}

function architectureFindings({ host, facts, hops }: Judged): readonly Finding[] {
  for (const { ref, release } of hops) {
    const wanted = new Set(packagesOf(release).map((one) => one.architecture));
    const unsuited = [...wanted].filter((one) => !isSuited(one, facts.architecture));
    if (unsuited.length === 0) continue;
    const what = `is ${facts.architecture}; ${releaseLabel(ref)} has packages for ${unsuited.join(', ')}`;
    return [error(host, what, 'build the release for that architecture')];
  }
  return [];
}

/** The host's next release at work, under whatever upgrade, is adopted; another one must end first. */
function stateFindings({ host, order, report }: HostReading, facts: HostFacts, next: ReadRelease): readonly Finding[] {
  const upgrade = report?.upgrade ?? order?.upgrade ?? 'an unknown upgrade';
  if (facts.phase === 'stuck') {
    const why = report?.error?.message ?? 'its agent says no more';
    return [error(host, `is stuck since ${upgrade}: ${why}`, `mend it by hand, then look: refit fleet status`)];
  }
  const isSame = order?.action === 'install' && order.release.digest === next.ref.digest;
  if (!isAtWork(facts.phase) || isSame) return [];
  return [error(host, `is at work (${facts.phase}) for ${upgrade}`, `wait until it is done: refit fleet status`)];
}

/** Of the first hop only: each hop keeps what the next one replaces. */
function packageFindings({ host, facts, hops: [first] }: Judged): readonly Finding[] {
  return (first === undefined ? [] : replacingPackagesOf(first.release)).flatMap(({ name, version }) => {
    const found = facts.packages[name];
    if (found === undefined || found.version === version || found.restorable) return [];
    const what = `package ${name} ${found.version} is installed, but its file is not kept, so there is no way back`;
    const kept = `cd /var/cache/apt/archives && apt-get download ${name}=${found.version}`;
    return [error(host, what, `keep its file there; on ${host}: ${kept}`)];
  });
}

function driftFindings(host: HostId, { drift }: HostFacts): readonly Finding[] {
  if (drift.length === 0) return [];
  const what = `no longer is as the last upgrade left it: ${drift.join('; ')}`;
  return [warning(host, what, 'look who changed it; the upgrade goes on from what is there')];
}

function clockFindings({ host, clockSkewMs }: HostReading): readonly Finding[] {
  if (Math.abs(clockSkewMs) <= MAX_CLOCK_SKEW_MS) return [];
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  const what = `its clock is ${seconds} s ${clockSkewMs > 0 ? 'ahead of' : 'behind'} the worker's`;
  return [warning(host, what, 'set the clock; times in reports are the hosts')];
}

/** Debian's names for what node, uname and the engine call otherwise. */
const debianArchitectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  x64: 'amd64',
  aarch64: 'arm64',
};

const isSuited = (wanted: string, host: string): boolean =>
  wanted === 'all' || wanted === (debianArchitectures[host] ?? host);

const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB`;
