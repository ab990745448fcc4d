import type { Digest, ServiceId, StepId } from './ids.ts';
import { migrationImages, type Backup, type Migration } from './migration.ts';
import type { ContainerSettings } from './replacement.ts';
import type { ServicePolicy } from './service.ts';
import { unitImages, type UnitRelease } from './unit.ts';

/** A release as built: what `release.yaml` says, with durations in ms, packages read and every file digested. */
export type Release = {
  readonly schema: 1;
  readonly name: string;
  /** Semantic version. */
  readonly version: string;
  /** Versions that it can be installed over; empty: over anything lower. No version is in two of the ranges. */
  readonly upgradesFrom: readonly SupportedJump[];
  /** Earlier releases, over which a host gets here that can't in one jump. */
  readonly chain: readonly ChainEntry[];
  /** Version by name of what moves by one minor version at a time, such as etcd; a jump moves each by no more. */
  readonly components: Readonly<Record<string, string>>;
  /** Fleet names (`*` stands for any text) that the release is for; empty: for every fleet. */
  readonly fleets: readonly string[];
  readonly host: HostRelease;
  /** In declared order. */
  readonly services: readonly ServiceRelease[];
  readonly units: readonly UnitRelease[];
  /** In the order in which they are applied. */
  readonly migrations: readonly Migration[];
  /** Made before the first migration of a hop; null: the author says that there is nothing to keep. */
  readonly backup: Backup | null;
  /** Image of refit itself, by digest, that fleets on this release are upgraded with; null: whatever they have. */
  readonly upgrader: { readonly image: string } | null;
  /** Every file of the release except release.json itself; paths relative to the release's folder. */
  readonly contents: readonly ReleaseFile[];
};

/** Versions that a release can be installed over, and what stands against it. */
export type SupportedJump = { readonly range: string; readonly limit: JumpLimit };

/** blocked: nobody can · risk: who accepts it by its name can. */
export type JumpLimit =
  | { readonly limit: 'none' }
  | { readonly limit: 'blocked'; readonly reason: string }
  | { readonly limit: 'risk'; readonly name: string; readonly reason: string };

/** An earlier release, as far as the way over it has to be known before anything is downloaded. In the same repository. */
export type ChainEntry = Pick<Release, 'version' | 'upgradesFrom' | 'components'> & { readonly digest: Digest };

/** A service that the release upgrades once all hosts are on it. */
export type ServiceRelease = Pick<ServicePolicy, 'strategy' | 'mode' | 'minAvailable' | 'health' | 'drainMs'> & {
  readonly name: ServiceId;
  /** By digest: `registry/name@sha256:…`. */
  readonly image: string;
  /** false: two versions must never serve together, so its strategy is allAtOnce. */
  readonly compatible: boolean;
  /** Upgraded before those that are not. */
  readonly infrastructure: boolean;
  readonly settings: Pick<ContainerSettings, 'command' | 'entrypoint' | 'env' | 'labels'>;
};

export type ReleaseFile = { readonly path: string; readonly sha256: string; readonly sizeBytes: number };

export type HostRelease = {
  /** Longest time from the order's acceptance until the host is done, else it reverts; ms. */
  readonly deadlineMs: number;
  /** What must be free on the host's disk besides the release itself; bytes. */
  readonly diskFreeBytes: number;
  readonly steps: readonly Step[];
  readonly health: Health;
};

export type Step = FilesStep | PackagesStep | UnitStep | RunStep | RebootStep | ContainerStep | KernelStep | EngineStep;
export type StepType = Step['type'];

export type FilesStep = {
  readonly id: StepId;
  readonly type: 'files';
  readonly files: readonly {
    readonly from: string;
    readonly to: string;
    /** Octal, such as `0644`. */
    readonly mode: string;
    readonly owner: string;
    readonly group: string;
    /** What becomes of a file that is neither this release's nor the one that the release before put there. */
    readonly ifEdited: IfEdited;
  }[];
};

/** replace: the release's comes, the edited one stays beside it · keep: the edited one stays, the release's comes beside it · ask: an operator says which. */
export type IfEdited = 'replace' | 'keep' | 'ask';

export type PackagesStep = {
  readonly id: StepId;
  readonly type: 'packages';
  readonly format: 'deb';
  readonly packages: readonly Package[];
};

export type Package = {
  /** Path of the package's file in the release. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
};

export type UnitStep = {
  readonly id: StepId;
  readonly type: 'unit';
  readonly unit: string;
  readonly enabled: boolean;
  /** `restarted` restarts it once in this upgrade, even if it runs. */
  readonly state: 'started' | 'restarted' | 'stopped';
};

export type RunStep = {
  readonly id: StepId;
  readonly type: 'run';
  /** Exit code 0: the effect is there already. Decides what happened when the agent was killed in the middle. */
  readonly check: Command;
  readonly command: Command;
  readonly undo: Command | null;
  /** Read-only command that fails where `command` would: tells the environment's fault from the release's. */
  readonly probe: Command | null;
  readonly timeoutMs: number;
};

export type RebootStep = { readonly id: StepId; readonly type: 'reboot'; readonly timeoutMs: number };

/**
 * A kernel, started once on trial: the host goes back to the earlier one by itself unless its agent comes up on the new one,
 * finds it healthy and confirms it. The earlier one's package stays.
 */
export type KernelStep = {
  readonly id: StepId;
  readonly type: 'kernel';
  readonly format: 'deb';
  readonly package: Package;
  /** As `uname -r` says it once it runs: of the package's own /boot/vmlinuz-… */
  readonly kernel: string;
  /** Longest time from asking for the restart until the host goes down; ms. */
  readonly timeoutMs: number;
  /** Longest time from the kernel's start until it is confirmed, else the host restarts on the earlier one; ms. Longer than health.deadlineMs. */
  readonly confirmWithinMs: number;
  /** What must hold on the new kernel before it is confirmed; the release's own health is looked at after the last step as ever. */
  readonly health: Health;
};

/** The Docker Engine's own packages, such as docker.io and containerd, all in one run of dpkg. */
export type EngineStep = {
  readonly id: StepId;
  readonly type: 'engine';
  readonly format: 'deb';
  readonly packages: readonly Package[];
  /** Longest time until the engine answers, and runs the containers that ran before; ms. */
  readonly timeoutMs: number;
};

export type ContainerStep = {
  readonly id: StepId;
  readonly type: 'container';
  readonly name: string;
  /** By digest: `registry/name@sha256:…`. */
  readonly image: string;
  readonly command: Command;
  readonly env: Readonly<Record<string, string>>;
  /** `hostPort:containerPort/protocol`. */
  readonly ports: readonly string[];
  /** `hostPathOrVolume:containerPath[:ro]`. */
  readonly volumes: readonly string[];
  readonly network: string;
  readonly restart: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** stated: the step says all there is · kept: what was set on the container that is there stays, the step is laid over it. */
  readonly base: 'stated' | 'kept';
  readonly timeoutMs: number;
};

/** argv; the first element is looked up in PATH, no shell. */
export type Command = readonly string[];

export type Health = {
  readonly probes: readonly Probe[];
  /** How long all probes must hold without a break; ms. */
  readonly minHealthyTimeMs: number;
  /** Time after the last step within which the host must have become healthy; ms. */
  readonly deadlineMs: number;
};

export type Probe =
  | { readonly type: 'http'; readonly url: string; readonly status: number; readonly contains: string | null }
  | { readonly type: 'tcp'; readonly host: string; readonly port: number }
  | { readonly type: 'exec'; readonly command: Command }
  | { readonly type: 'unit'; readonly unit: string };

/** How a release is named in orders, plans and reports: enough to find it, verify it and speak of it. */
export type ReleaseRef = {
  readonly name: string;
  readonly version: string;
  /** Repository without tag or digest, such as `registry.lab:5000/sample`. */
  readonly repository: string;
  /** The image manifest's digest. */
  readonly digest: Digest;
  /** Digest of /release/release.json, which digests every other file: what the agent verifies on its own disk. */
  readonly contents: Digest;
};

export const imageReference = (release: ReleaseRef): string => `${release.repository}@${release.digest}`;
export const releaseLabel = (release: Pick<ReleaseRef, 'name' | 'version'>): string =>
  `${release.name} ${release.version}`;

/** Whether a release's `fleets` patterns admit the fleet. */
export function isForFleet(release: Pick<Release, 'fleets'>, fleet: string): boolean {
  return release.fleets.length === 0 || release.fleets.some((pattern) => matches(pattern, fleet));
}

/** Images of other registries' repositories that a host must hold before it is ordered to install. */
export function hostImages(release: Release): readonly string[] {
  return [...new Set(release.host.steps.flatMap((step) => (step.type === 'container' ? [step.image] : [])))];
}

/** Every image besides the release's own that its registry must have. */
export const releaseImages = (release: Release): readonly string[] => [
  ...new Set([
    ...hostImages(release),
    ...release.services.map(({ image }) => image),
    ...release.units.flatMap(unitImages),
    ...migrationImages(release),
  ]),
];

/** Infrastructure first, each in declared order. */
export const orderedServices = (release: Pick<Release, 'services'>): readonly ServiceRelease[] => [
  ...release.services.filter(({ infrastructure }) => infrastructure),
  ...release.services.filter(({ infrastructure }) => !infrastructure),
];

function matches(pattern: string, name: string): boolean {
  const source = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`).test(name);
}
