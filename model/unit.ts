import type { ServiceId, UnitId } from './ids.ts';
import type { Command } from './release.ts';
import type { ContainerHealth } from './replacement.ts';

/** A unit is there twice over while it is upgraded: one slot takes the requests, the other stands by. */
export const slots = ['blue', 'green'] as const;
export type Slot = (typeof slots)[number];
export const otherSlot = (slot: Slot): Slot => (slot === 'blue' ? 'green' : 'blue');

/** A whole blue/green installation, as a release names it. What belongs to the site is in the fleet file: FleetUnit. */
export type UnitRelease = {
  readonly name: UnitId;
  /** In declared order; `dependsOn` says which start first. */
  readonly services: readonly UnitService[];
  /** In declared order. */
  readonly migrations: readonly UnitMigration[];
  readonly accountData: UnitJob | null;
  /** On every host that has a member of the slot. */
  readonly addOns: readonly UnitAddOn[];
  /** One after another, on the new slot before it takes any request; the first that fails ends them. */
  readonly tests: readonly UnitJob[];
  readonly policy: Pick<UnitPolicy, 'approval' | 'soak' | 'keepMs' | 'drainMs' | 'confirmMs'>;
};

/** What every container of a unit has. Texts in `env`, `command` and `volumes` may have tokens: model/unit-tokens.ts. */
export type UnitContainer = {
  /** By digest: `registry/name@sha256:…`. */
  readonly image: string;
  /** Empty: the image's own. */
  readonly command: Command;
  /** null: the image's own. */
  readonly entrypoint: Command | null;
  readonly env: Readonly<Record<string, string>>;
  /** Put into the container before it starts. */
  readonly files: readonly UnitFile[];
};

/** A file of the worker's disk, by the name that the fleet file has for it; its content is in no history, label or log. */
export type UnitFile = {
  readonly file: string;
  /** Absolute path in the container. */
  readonly to: string;
  /** Octal, such as `0400`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
};

export type UnitService = UnitContainer & {
  readonly name: ServiceId;
  /** One for both slots, such as a database: created by the unit's first install, and left alone by every later one. */
  readonly shared: boolean;
  /** How many containers each slot has of it. */
  readonly members: number;
  readonly placement: UnitPlacement;
  /** Services that must be healthy before this one starts. */
  readonly dependsOn: readonly ServiceId[];
  /** null: nobody outside its host reaches it. */
  readonly port: UnitPort | null;
  /** `volume:/path[:ro]` or `/host/path:/path[:ro]`. Volumes named `<unit>-<slot>-…` go with their slot. */
  readonly volumes: readonly string[];
  readonly memoryBytes: number | null;
  readonly health: UnitHealth;
};

/** Hosts that carry all the labels, in the fleet file's order, at most `perHost` members each. */
export type UnitPlacement = { readonly labels: Readonly<Record<string, string>>; readonly perHost: number };

/** `inside` is published at the slot's own port of the host, the second member at the next one, and so on. Shared: both are the same. */
export type UnitPort = { readonly inside: number; readonly blue: number; readonly green: number };

export type UnitHealth = Pick<ContainerHealth, 'minHealthyTimeMs' | 'deadlineMs'> & {
  /** Beside the image's own check; http and tcp ask the member's published port from the worker, exec runs inside. */
  readonly probe: UnitProbe | null;
};
export type UnitProbe =
  | { readonly type: 'http'; readonly path: string; readonly status: number; readonly contains: string | null }
  | { readonly type: 'tcp' }
  | { readonly type: 'exec'; readonly command: Command };

export type UnitAddOn = UnitContainer & { readonly name: ServiceId; readonly volumes: readonly string[] };

/** Runs to its end beside a member; exit code 0 is success. */
export type UnitJob = UnitContainer & {
  /** Unique among the unit's jobs. */
  readonly name: string;
  /** On the host, and in the slot's network, of this service's first member. */
  readonly beside: ServiceId;
  readonly timeoutMs: number;
};

/**
 * A change of what both slots share. expand: before the new slot's services start, while the other one serves ·
 * contract: once the other slot is gone. `command` is the way there.
 */
export type UnitMigration = UnitJob & {
  readonly when: 'expand' | 'contract';
  /** Exit code 0: it is applied already, and not run again. */
  readonly check: Command | null;
  /** The way back, once no request goes to the new slot any more. */
  readonly down: Command | null;
  /** The release before works with what it does: a return leaves it in place. Neither this nor `down`: no way back. */
  readonly compatible: boolean;
};

/** How one upgrade of a unit goes; the release says it, the operator may say it otherwise. */
export type UnitPolicy = {
  /** Ask before the cutover. */
  readonly approval: boolean;
  readonly soak: SoakPolicy;
  /** How long the other slot is kept warm after the soak; ms. */
  readonly keepMs: number;
  /** Longest wait for requests that a slot is still at work on, before its containers are stopped; ms. */
  readonly drainMs: number;
  /** Within this time both slots must be seen healthy at the same moment; ms. */
  readonly confirmMs: number;
  /** A failure before the cutover: rollback removes the new slot · keep leaves it for inspection · pause asks. After it: the same, once the requests are back. */
  readonly onFailure: 'rollback' | 'keep' | 'pause';
};

export type SoakPolicy = {
  /** 0: no soak. ms. */
  readonly durationMs: number;
  /** Share of requests, 0 to 1, that may fail; null: it is not looked at, as with a balancer that counts nothing. */
  readonly maxErrorRate: number | null;
  /** Below so many requests a rate says nothing. */
  readonly minRequests: number;
  /** The rate is judged over this time, and over the whole soak; ms. */
  readonly windowMs: number;
  /** A member that is not well for this long has failed; ms. */
  readonly unhealthyMs: number;
};

export const defaultUnitPolicy: UnitPolicy = {
  approval: false,
  soak: { durationMs: 60_000, maxErrorRate: 0.05, minRequests: 20, windowMs: 10_000, unhealthyMs: 5_000 },
  keepMs: 24 * 60 * 60_000,
  drainMs: 30_000,
  confirmMs: 60_000,
  onFailure: 'rollback',
};

/** Largest unit: what its upgrade carries stays below a payload's 16 kB. */
export const MAX_UNIT_MEMBERS = 40;
export const MAX_UNITS = 16;
export const MAX_UNIT_TESTS = 8;
export const MAX_UNIT_MIGRATIONS = 16;
/** Largest file that is put into a container; bytes. */
export const MAX_UNIT_FILE_BYTES = 1024 ** 2;

/** Labels of a unit's containers and networks: by them alone they are found again. */
export const unitLabels = {
  unit: 'dev.refit.unit',
  /** blue, green, or shared. */
  slot: 'dev.refit.slot',
  service: 'dev.refit.unit-service',
  /** `host:port` at which others reach it; of a container without a port: none. */
  address: 'dev.refit.unit-address',
  /** Digest of all that makes the container what it is, so that another wish is noticed. */
  config: 'dev.refit.unit-config',
  version: 'dev.refit.unit-version',
  /** Digest of the release's image. */
  release: 'dev.refit.unit-release',
} as const;

export type SlotOrShared = Slot | 'shared';

/**
 * Of a container in several networks an engine publishes the ports, and routes, through the one whose name comes first. For a
 * shared member that is the shared network, in which it stays: else joining or leaving a slot's would cut what it is at work on.
 */
export const networkName = (unit: UnitId, slot: SlotOrShared): string =>
  slot === 'shared' ? `${unit}-all` : `${unit}-${slot}`;
/** Volumes whose names begin so go with their slot. */
export const volumePrefix = (unit: UnitId, slot: SlotOrShared): string => `${unit}-${slot}-`;
export const unitContainerName = (
  unit: UnitId,
  { slot, service, ordinal }: { readonly slot: SlotOrShared; readonly service: string; readonly ordinal: number },
): string => `${unit}-${slot}-${service}-${ordinal}`;
/** Under which a migration's check runs, beside the jobs of a unit. */
export const checkName = (migration: string): string => `${migration}-check`;
export const jobContainerName = (unit: UnitId, job: string): string => `${unit}-job-${job}`;

/** Port of the host at which a member is reached. */
export const publishedPort = (port: UnitPort, slot: SlotOrShared, ordinal: number): number =>
  port[slot === 'shared' ? 'blue' : slot] + ordinal - 1;

/** Every image that a unit needs. */
export const unitImages = ({ services, migrations, accountData, addOns, tests }: UnitRelease): readonly string[] => [
  ...new Set(
    [...services, ...migrations, ...(accountData === null ? [] : [accountData]), ...addOns, ...tests].map(
      ({ image }) => image,
    ),
  ),
];

/** Why a return to the earlier slot is refused once this is applied; null: it is not. */
export const hasNoWayBack = ({ when, down, compatible }: UnitMigration): boolean =>
  when === 'expand' && down === null && !compatible;
