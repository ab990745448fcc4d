import { isAtWork } from './agent-phase.ts';
import type { HostFacts, Order, Report } from './bus.ts';
import type { HostId } from './ids.ts';
import type { Policy } from './policy.ts';
import { isForFleet, releaseLabel, type Release, type ReleaseRef } from './release.ts';
import type { Finding } from './upgrade.ts';

/** What was read of one host before anything is touched. */
export type HostReading = {
  readonly host: HostId;
  /** Why the host's Docker Engine could not be asked; null: it answered. */
  readonly engineProblem: string | null;
  /** null: they could not be read, `factsProblem` says why. */
  readonly facts: HostFacts | null;
  readonly factsProblem: string | null;
  /** The host's clock against the worker's, positive when it is ahead; ms. */
  readonly clockSkewMs: number;
  readonly order: Order | null;
  readonly report: Report | null;
  /** Unreadable values on the bus. */
  readonly busProblems: readonly string[];
  readonly jump: Jump;
};

/** How the host's installed version stands to the release: a range check that needs the world's semver. */
export type Jump = 'none' | 'same' | 'supported' | 'unsupported' | 'downgrade';

export type FleetReading = {
  readonly fleet: string;
  readonly release: Release;
  readonly ref: ReleaseRef;
  readonly policy: Policy;
  readonly downloadBytes: number;
  readonly hosts: readonly HostReading[];
  readonly etcd: { readonly members: number; readonly unhealthy: readonly string[] } | null;
  /** Images of container steps and services that their registry does not have, with its answer. */
  readonly missingImages: readonly { readonly image: string; readonly problem: string }[];
};

/**
 * What a download needs of a host's disk, as a multiple of the compressed size that the registry names: the engine's copy
 * while it unpacks, the unpacked layers (about twice), and less than that for the Downloader Job's copy beside them.
 */
export const DISK_FACTOR = 3;
/** Clocks further apart than this make times in reports hard to read; nothing is decided by them. ms. */
export const MAX_CLOCK_SKEW_MS = 30_000;

/** Every finding, fleet's first, then in the hosts' order. Pure. */
export function judgePreflight(reading: FleetReading): readonly Finding[] {
  return [...fleetFindings(reading), ...reading.hosts.flatMap((host) => hostFindings(host, reading))];
}

/** The release is there already, and nothing else is going on. */
export function isAlreadyThere({ facts, order, report }: HostReading, ref: ReleaseRef): boolean {
  if (facts?.installed?.digest !== ref.digest || facts.phase === 'stuck' || isAtWork(facts.phase)) return false;
  // An order that was not answered may still be obeyed.
  return order === null || (report !== null && report.epoch === order.epoch && report.sequence >= order.sequence);
}

function fleetFindings(reading: FleetReading): readonly Finding[] {
  const { fleet, release, ref, etcd, missingImages } = reading;
  const findings: Finding[] = missingImages.map(({ image, problem }) =>
    error(null, `image ${image} of ${releaseLabel(ref)} can't be pulled: ${problem}`, 'push it to that registry'),
  );
  if (!isForFleet(release, fleet)) {
    const what = `${releaseLabel(ref)} is not for fleet ${fleet}: it is for ${release.fleets.join(', ')}`;
    findings.push(error(null, what, 'choose a release for this fleet'));
  }
  if (etcd !== null && etcd.unhealthy.length > 0) findings.push(etcdFinding(etcd));
  return findings;
}

function etcdFinding({ members, unhealthy }: { members: number; unhealthy: readonly string[] }): Finding {
  const what = `${unhealthy.length} of ${members} etcd members are not healthy: ${unhealthy.join(', ')}`;
  const quorum = Math.floor(members / 2) + 1;
  // A host that reboots may take one more member with it.
  return members - unhealthy.length - 1 < quorum
    ? error(null, `${what}; one more and the bus stops`, 'bring the members back first')
    : warning(null, what, 'bring the members back');
}

function hostFindings(reading: HostReading, fleet: FleetReading): readonly Finding[] {
  const { host, facts, busProblems } = reading;
  const findings = busProblems.map((problem) => warning(host, problem, 'look who writes to etcd besides refit'));
  if (reading.engineProblem !== null) {
    findings.push(
      error(host, reading.engineProblem, `check the Docker Engine on ${host} and the fleet file's endpoint`),
    );
  }
  if (facts === null) {
    if (reading.engineProblem !== null && reading.factsProblem === null) return findings;
    const what = reading.factsProblem ?? 'nothing could be read of it';
    return [...findings, error(host, what, `check the host: refit fleet status`)];
  }
  return [
    ...findings,
    ...diskFindings(host, facts, fleet),
    ...versionFindings(reading, facts, fleet),
    ...stateFindings(reading, facts, fleet),
    ...packageFindings(host, facts, fleet.release),
    ...clockFindings(reading),
  ];
}

function diskFindings(
  host: HostId,
  facts: HostFacts,
  { downloadBytes, release, policy, ref }: FleetReading,
): Finding[] {
  if (facts.installed?.digest === ref.digest) return [];
  const neededBytes = downloadBytes * DISK_FACTOR + release.host.diskFreeBytes + policy.diskFloorBytes;
  if (facts.diskFreeBytes >= neededBytes) return [];
  const parts = [
    `${megabytes(downloadBytes * DISK_FACTOR)} for the download`,
    `${megabytes(release.host.diskFreeBytes)} that the release asks for`,
    `${megabytes(policy.diskFloorBytes)} that stay free`,
  ];
  const what = `${megabytes(facts.diskFreeBytes)} free, ${releaseLabel(ref)} needs ${megabytes(neededBytes)}`;
  return [error(host, `${what} (${parts.join(', ')})`, `make room on ${host}, for instance: docker image prune`)];
}

function versionFindings({ host, jump }: HostReading, facts: HostFacts, { release, ref }: FleetReading): Finding[] {
  const findings: Finding[] = [];
  const on = facts.installed === null ? 'no release' : releaseLabel(facts.installed);
  if (facts.installed !== null && facts.installed.name !== release.name) {
    findings.push(error(host, `is on ${on}, which is another product than ${releaseLabel(ref)}`, 'choose its release'));
  } else if (jump === 'downgrade') {
    const remedy = 'choose a newer release; a running upgrade goes back with: refit rollback';
    findings.push(error(host, `is on ${on}, which is newer than ${releaseLabel(ref)}`, remedy));
  } else if (jump === 'unsupported') {
    const what = `is on ${on}; ${releaseLabel(ref)} can be installed over ${release.upgradesFrom.join(', ')}`;
    findings.push(error(host, what, 'upgrade to a release in that range first'));
  }
  const architectures = packageArchitectures(release).filter((one) => !isSuited(one, facts.architecture));
  if (architectures.length > 0) {
    const what = `is ${facts.architecture}; ${releaseLabel(ref)} has packages for ${architectures.join(', ')}`;
    findings.push(error(host, what, 'build the release for that architecture'));
  }
  return findings;
}

/** The same release at work, under whatever upgrade, is adopted; another one must end first. */
function stateFindings({ host, order, report }: HostReading, facts: HostFacts, { ref }: FleetReading): Finding[] {
  const upgrade = report?.upgrade ?? order?.upgrade ?? 'an unknown upgrade';
  if (facts.phase === 'stuck') {
    const why = report?.error?.message ?? 'its agent says no more';
    return [error(host, `is stuck since ${upgrade}: ${why}`, `mend it by hand, then look: refit fleet status`)];
  }
  const isSame = order?.action === 'install' && order.release.digest === ref.digest;
  if (!isAtWork(facts.phase) || isSame) return [];
  return [error(host, `is at work (${facts.phase}) for ${upgrade}`, `wait until it is done: refit fleet status`)];
}

function packageFindings(host: HostId, facts: HostFacts, release: Release): Finding[] {
  return packagesOf(release).flatMap(({ name, version }) => {
    const found = facts.packages[name];
    if (found === undefined || found.version === version || found.restorable) return [];
    const what = `package ${name} ${found.version} is installed, but its file is not kept, so there is no way back`;
    return [error(host, what, `put ${name}_${found.version}.deb into /var/lib/refit/packages on ${host}`)];
  });
}

function clockFindings({ host, clockSkewMs }: HostReading): Finding[] {
  if (Math.abs(clockSkewMs) <= MAX_CLOCK_SKEW_MS) return [];
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  const what = `its clock is ${seconds} s ${clockSkewMs > 0 ? 'ahead of' : 'behind'} the worker's`;
  return [warning(host, what, 'set the clock; times in reports are the hosts')];
}

export const packagesOf = (release: Release): readonly { readonly name: string; readonly version: string }[] =>
  release.host.steps.flatMap((step) => (step.type === 'packages' ? step.packages : []));

const packageArchitectures = (release: Release): readonly string[] => [
  ...new Set(
    release.host.steps.flatMap((step) => (step.type === 'packages' ? step.packages : [])).map((p) => p.architecture),
  ),
];

/** Debian's names for what node, uname and the engine call otherwise. */
const debianArchitectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  x64: 'amd64',
  aarch64: 'arm64',
};

const isSuited = (wanted: string, host: string): boolean =>
  wanted === 'all' || wanted === (debianArchitectures[host] ?? host);

const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB`;

const error = (host: HostId | null, what: string, remedy: string): Finding => ({
  host,
  severity: 'error',
  what,
  remedy,
});
const warning = (host: HostId | null, what: string, remedy: string): Finding => ({
  host,
  severity: 'warning',
  what,
  remedy,
});
