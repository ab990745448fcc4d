import type { AgentPhase } from './agent-phase.ts';
import type { Digest, FleetId, HostId, ServiceId, StepId, UpgradeId } from './ids.ts';
import type { ReleaseRef } from './release.ts';
import type { MemberId, MemberState } from './service.ts';
import type { EditedAnswer } from './upgrade.ts';

/** Version field of every value on the bus. */
export const BUS_VERSION = 1;

/** What the worker asks of one host. A level, not an edge: reading it twice is reading it once. */
export type Order = {
  readonly v: 1;
  readonly upgrade: UpgradeId;
  readonly hop: number;
  /** Fencing number of the workflow run that gives the order; an agent refuses an (epoch, sequence) below the highest it saw. */
  readonly epoch: number;
  /** Rises with every order of one run; the same sequence is the same order, however often it is read. */
  readonly sequence: number;
  /** install: apply the release · service: upgrade a service's members on this host as the release says · revert: undo what the upgrade did · stand-down: drop an order that waits for the baton · probe: say whether a step could work here, change nothing */
  readonly action: 'install' | 'service' | 'revert' | 'stand-down' | 'probe';
  readonly release: ReleaseRef;
  /** probe: the step to look at. */
  readonly step: StepId | null;
  /** service: whose members, by container name; with revert: only those go back. Else null. */
  readonly service: ServiceOrder | null;
  /** An operator's answer for files that an administrator edited and that ask; null: none was given. */
  readonly edited: EditedAnswer | null;
  readonly start: 'now' | 'baton';
  /** Upper bound on the agent's time for this order, counted from its start; ms. The release's own deadline applies if shorter. */
  readonly deadlineMs: number;
};

export type ServiceOrder = { readonly name: ServiceId; readonly containers: readonly string[] };

/** A member that is not Active, as long as that lasts; whoever upgrades it writes it. */
export type MemberLevel = {
  readonly v: 1;
  readonly upgrade: UpgradeId;
  readonly state: Exclude<MemberState, 'Active'>;
  /** That it is to have. */
  readonly image: string;
  /** ms since the epoch. */
  readonly since: number;
};

/** What a host's agent last said of its order; only that agent writes it. */
export type Report = {
  readonly v: 1;
  readonly upgrade: UpgradeId;
  readonly epoch: number;
  readonly sequence: number;
  readonly action: Order['action'];
  readonly phase: AgentPhase;
  /** Set when the order was not obeyed: why, for people. */
  readonly refused: string | null;
  readonly step: {
    readonly id: StepId;
    readonly index: number;
    readonly count: number;
    readonly attempt: number;
  } | null;
  readonly error: ReportError | null;
  readonly bootId: string;
  readonly agent: string;
  /** The release that the host is on: verified when installed, carried since. */
  readonly installed: InstalledRelease | null;
  /** What verify measured: `package:sample-daemon` → `2.0.0`, `file:/etc/x` → sha256 …; at most 64 entries. */
  readonly measured: Readonly<Record<string, string>>;
  readonly probe: { readonly ok: boolean; readonly evidence: string } | null;
  /** When the agent started on the order, when it settled; ms since the epoch by the host's clock. */
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly changedAt: number;
};

export type ReportError = {
  readonly step: StepId | null;
  readonly kind: 'failed' | 'unhealthy' | 'deadline';
  readonly message: string;
};

export type InstalledRelease = { readonly name: string; readonly version: string; readonly digest: Digest };

/** Lease-bound sign of life; a hint, never a permission. */
export type Alive = {
  readonly v: 1;
  readonly agent: string;
  readonly bootId: string;
  readonly phase: AgentPhase;
  readonly epoch: number;
  readonly facts: HostFacts;
};

/** What can be known of a host before it is touched; by its agent, or by a preflight container where none is yet. */
export type HostFacts = {
  /** Free and whole size of the disk that holds refit's folder; bytes. */
  readonly diskFreeBytes: number;
  readonly diskTotalBytes: number;
  readonly kernel: string;
  readonly architecture: string;
  /** The host's clock when the facts were read; ms since the epoch. */
  readonly clockMs: number;
  readonly installed: InstalledRelease | null;
  readonly agent: string | null;
  readonly phase: AgentPhase;
  /** Debian packages installed by name, only those the release asked about: version, and whether refit holds the package's file for the way back. */
  readonly packages: Readonly<Record<string, { readonly version: string; readonly restorable: boolean }>>;
  /** Whether a kernel that does not start leads back to the earlier one by itself; null: an agent of before kernels were upgraded. */
  readonly bootLoader: BootLoaderFacts | null;
  /** The Docker Engine's own package; null: there is none that refit knows. */
  readonly engine: { readonly package: string; readonly version: string } | null;
  /** What no longer is as the last upgrade left it, in words; at most MAX_DRIFT. */
  readonly drift: readonly string[];
};

/** `name` null: none was found. `problem`: why it can't fall back; null: it can. */
export type BootLoaderFacts = { readonly name: string | null; readonly problem: string | null };

/** Folders of a host that a preflight container sees, read-only. They are there on every Debian. */
export const FACTS_FOLDERS = ['/boot', '/etc', '/var/lib', '/var/cache'] as const;

/** Differences that facts name; the last one counts the others. */
export const MAX_DRIFT = 16;

export type Epoch = { readonly v: 1; readonly epoch: number; readonly run: string; readonly startedAt: number };
export type Chain = {
  readonly v: 1;
  readonly upgrade: UpgradeId;
  readonly epoch: number;
  readonly hosts: readonly HostId[];
};
/** Whose turn it is; `holder` null: the chain is through. */
export type Baton = {
  readonly v: 1;
  readonly epoch: number;
  readonly position: number;
  readonly holder: HostId | null;
};
/** An operator's pause: nobody takes the baton while it is there. */
export type Hold = { readonly v: 1; readonly epoch: number; readonly reason: string; readonly since: number };

/** Which migration of the fleet may run; passed by others once no job of it has run for a while. */
export type MigrationLock = {
  readonly v: 1;
  /** The hop's own. */
  readonly upgrade: UpgradeId;
  readonly migration: string;
  readonly host: HostId;
  /** Name of the job's container there. */
  readonly job: string;
  readonly since: number;
};

/** Orders are totally ordered by (epoch, sequence). Negative: a before b. */
export function compareOrders(a: Pick<Order, 'epoch' | 'sequence'>, b: Pick<Order, 'epoch' | 'sequence'>): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}

export const isSameOrder = (a: Pick<Order, 'epoch' | 'sequence'>, b: Pick<Order, 'epoch' | 'sequence'>): boolean =>
  compareOrders(a, b) === 0;

/** Every key of one fleet. */
export const busKeys = (fleet: FleetId) =>
  ({
    root: `/refit/v1/${fleet}/`,
    epoch: `/refit/v1/${fleet}/epoch`,
    hosts: `/refit/v1/${fleet}/hosts/`,
    host: (host: HostId) => `/refit/v1/${fleet}/hosts/${host}/`,
    order: (host: HostId) => `/refit/v1/${fleet}/hosts/${host}/order`,
    report: (host: HostId) => `/refit/v1/${fleet}/hosts/${host}/report`,
    alive: (host: HostId) => `/refit/v1/${fleet}/hosts/${host}/alive`,
    upgrades: `/refit/v1/${fleet}/upgrades/`,
    upgrade: (upgrade: UpgradeId) => `/refit/v1/${fleet}/upgrades/${upgrade}/`,
    chain: (upgrade: UpgradeId) => `/refit/v1/${fleet}/upgrades/${upgrade}/chain`,
    hold: (upgrade: UpgradeId) => `/refit/v1/${fleet}/upgrades/${upgrade}/hold`,
    /** Apart from chain and hold: etcd gives rights on ranges, and batons are all that hosts may write outside their own keys. */
    batons: `/refit/v1/${fleet}/batons/`,
    batonOf: (upgrade: UpgradeId) => `/refit/v1/${fleet}/batons/${upgrade}/`,
    baton: (upgrade: UpgradeId) => `/refit/v1/${fleet}/batons/${upgrade}/baton`,
    migrationLock: `/refit/v1/${fleet}/migration-lock`,
    services: `/refit/v1/${fleet}/services/`,
    service: (service: ServiceId) => `/refit/v1/${fleet}/services/${service}/`,
    member: (service: ServiceId, { host, container }: MemberId) =>
      `/refit/v1/${fleet}/services/${service}/${host}/${container}`,
    /** What an API was asked with an idempotency key, by the digest of who asked and the key. */
    request: (digest: string) => `/refit/v1/${fleet}/api/requests/${digest}`,
    plans: `/refit/v1/${fleet}/plans/`,
    /** Named by the digest: two attempts at one preflight may have seen two fleets. Apart from what agents watch. */
    plan: (upgrade: UpgradeId, plan: Digest) => `/refit/v1/${fleet}/plans/${upgrade}/${plan.slice(7, 23)}/`,
    planPage: (upgrade: UpgradeId, plan: Digest, page: number) =>
      `/refit/v1/${fleet}/plans/${upgrade}/${plan.slice(7, 23)}/${String(page).padStart(6, '0')}`,
  }) as const;
