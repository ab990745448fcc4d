import type { AgentPhase } from './agent-phase.ts';
import type { HostState } from './host.ts';
import type { Digest, FleetId, HostId, ServiceId, StepId, UpgradeId } from './ids.ts';
import type { Policy } from './policy.ts';
import type { IfEdited } from './release.ts';
import { advance } from './transition.ts';
import type { PlannedUpgrader } from './upgrader.ts';

/** State of one upgrade; DESIGN.md §10 keeps these words stable. */
export type UpgradeState = keyof typeof upgradeTransitions;

/** The table of transitions; the diagram in docs/states.md is generated from it. */
export const upgradeTransitions = {
  running: ['paused', 'waiting', 'rollingBack', 'succeeded', 'failed', 'aborted'],
  paused: ['running', 'rollingBack', 'aborted', 'waiting'],
  waiting: ['running', 'paused', 'rollingBack', 'aborted', 'failed'],
  rollingBack: ['rolledBack', 'waiting', 'paused', 'failed', 'aborted'],
  succeeded: [],
  failed: [],
  rolledBack: [],
  aborted: [],
} as const satisfies Record<string, readonly string[]>;

export type UpgradePhase =
  'preflight' | 'self-upgrade' | 'download' | 'install' | 'services' | 'migrations' | 'verify' | 'end';

/** What the workflow is started with: references only, never a secret, never the whole fleet. */
export type UpgradeInput = {
  readonly upgrade: UpgradeId;
  readonly fleet: FleetId;
  /** `repository:tag` or `repository@digest`, as the operator gave it. */
  readonly reference: string;
  /** What the reference meant when the operator gave it; the run refuses another. */
  readonly digest: Digest;
  readonly policy: Policy;
  /** Digest of the tree that the operator saw and wants (planTreeText); another one is refused. null: as it is now. */
  readonly tree: Digest | null;
  readonly requestedBy: string;
  /** Absent: this is the upgrade's first run. */
  readonly carried?: CarriedUpgrade;
};

/** What an upgrade takes with it when it goes on as a new run, on another build of the upgrader. Nothing of a hop: none has begun. */
export type CarriedUpgrade = {
  /** What it was switched to. */
  readonly upgrader: PlannedUpgrader;
  /** Runs before this one. */
  readonly runs: number;
  /** `name version`. */
  readonly release: string;
  readonly startedAt: number;
  /** The latest, as many as there is room for. */
  readonly decisions: readonly Decision[];
  /** Children so far: each has a workflow id of its own. */
  readonly children: number;
  readonly pause: boolean;
  readonly ending: 'rollback' | 'abort' | null;
  readonly to: string | null;
  readonly approved: readonly string[];
};

/** Every wait, in the operator's words. */
export type Waiting = {
  readonly what: string;
  readonly host: HostId | null;
  /** ms since the epoch. */
  readonly since: number;
  /** null: until somebody acts. */
  readonly until: number | null;
  /** Who or what can move it on, with the command where there is one. */
  readonly movedOnBy: string;
};

export type HostProgress = {
  readonly name: HostId;
  readonly state: HostState;
  readonly from: string | null;
  readonly to: string | null;
  readonly wave: string | null;
  /** Step at work, such as `packages 2/5`; null outside an install. */
  readonly step: string | null;
  readonly error?: string;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
};

/** Where one service of the release is; its own workflow tells more of its members. */
export type ServiceStanding = {
  readonly name: ServiceId;
  readonly image: string;
  readonly state: StandingState;
  readonly members: number | null;
  readonly error?: string;
};

export type StandingState = keyof typeof standingTransitions;

/** Where a service of a release's upgrade can go; the diagram in docs/states.md is generated from it. */
export const standingTransitions = {
  pending: ['upgrading', 'skipped'],
  upgrading: ['pending', 'done', 'alreadyThere', 'failed', 'skipped', 'rolledBack'],
  done: ['rollingBack'],
  alreadyThere: [],
  failed: ['upgrading', 'skipped', 'rollingBack'],
  skipped: ['rollingBack'],
  rollingBack: ['rolledBack', 'failed', 'skipped'],
  rolledBack: [],
} as const satisfies Record<string, readonly string[]>;

export const advanceStanding = (from: StandingState, to: StandingState): StandingState =>
  advance(standingTransitions, from, to);

/** Where one hop of an upgrade is. */
export type HopProgress = {
  readonly to: string;
  readonly state: HopState;
};

export type HopState = keyof typeof hopTransitions;

/** Where a hop of an upgrade can go; the diagram in docs/states.md is generated from it. */
export const hopTransitions = {
  pending: ['running'],
  running: ['done', 'rollingBack'],
  done: ['rollingBack'],
  rollingBack: ['rolledBack'],
  rolledBack: [],
} as const satisfies Record<string, readonly string[]>;

export const advanceHop = (from: HopState, to: HopState): HopState => advance(hopTransitions, from, to);

/** Where one migration, or a backup, of a hop is; `output` is its end, bounded. */
export type MigrationRecord = {
  readonly name: string;
  /** Version of its hop. */
  readonly hop: string;
  readonly state: 'running' | 'applied' | 'alreadyApplied' | 'failed' | 'takenBack';
  readonly host: HostId | null;
  readonly exitCode: number | null;
  readonly output: string;
};

/** One decision, with what it was based on; the record that `refit history` prints. */
export type Decision = {
  readonly at: number;
  readonly rule: string;
  readonly decision: string;
  readonly because: string;
  /** Person, or `policy`. */
  readonly by: string;
};

export type Progress = {
  readonly id: UpgradeId;
  readonly fleet: FleetId;
  /** `name version`. */
  readonly release: string;
  readonly digest: Digest;
  readonly state: UpgradeState;
  readonly phase: UpgradePhase;
  readonly hosts: readonly HostProgress[];
  /** Hosts that the record of an ended upgrade has no room for; those that failed are never among them while there is any. */
  readonly hostsLeftOut?: number;
  /** Of the release, in the order in which they go; empty until the plan is made. */
  readonly services: readonly ServiceStanding[];
  /** The whole path; empty until the plan is made. */
  readonly hops: readonly HopProgress[];
  readonly migrations: readonly MigrationRecord[];
  /** Where a roll back can stop, the earliest first: `start`, or the version of a hop. */
  readonly checkpoints: readonly string[];
  /** Why it can't go back further than the first checkpoint; null: it can go back to its start. */
  readonly forwardOnly: string | null;
  readonly waiting: readonly Waiting[];
  readonly findings: readonly Finding[];
  /** The latest, at most MAX_DECISIONS. */
  readonly decisions: readonly Decision[];
  readonly error: string | null;
  readonly startedAt: number;
  readonly finishedAt: number | null;
};

/** What preflight found; `error` stops the upgrade before any host is touched. */
export type Finding = {
  readonly host: HostId | null;
  readonly severity: 'error' | 'warning';
  readonly what: string;
  /** What to do next. */
  readonly remedy: string;
};

/** What an activity that waits for a host says in its heartbeat; the live progress is made of it. */
export type HostHeartbeat = {
  readonly host: HostId;
  /** `pulling`, `copying`, `starting`: the download's own; null: the agent has not spoken of its order yet. */
  readonly phase: AgentPhase | 'pulling' | 'copying' | 'starting' | null;
  /** Such as `packages 2/5`. */
  readonly step: string | null;
  readonly attempt: number | null;
  readonly bytes: number | null;
  readonly totalBytes: number | null;
  /** Whether the agent's lease-bound key is there. */
  readonly alive: boolean;
  /** Last sign of life; ms since the epoch; null: not known, as while the bus is away. */
  readonly lastSeen: number | null;
  /** Place in the chain of the host that has the baton; null outside a chain. */
  readonly position: number | null;
};

/** Commands of an operator, as updates and, under the same names, as signals. */
export type OperatorCommand = {
  /** Refused when another upgrade runs; absent in signals sent by hand. */
  readonly upgrade?: UpgradeId;
  readonly reason?: string;
  readonly by?: string;
};
/** `to`: a checkpoint; absent: the earliest that can be reached. */
export type RollbackCommand = OperatorCommand & { readonly to?: string };
/** `edited`: with retryHost, what becomes of files on it that an administrator edited and that ask. */
export type HostCommand = OperatorCommand & { readonly host: HostId; readonly edited?: EditedAnswer };
export type EditedAnswer = Exclude<IfEdited, 'ask'>;
export type ApproveCommand = OperatorCommand & { readonly step: string };
export type StepFailure = { readonly host: HostId; readonly step: StepId | null; readonly message: string };

/** Decisions that a progress answer carries; older ones are in the workflow's history. */
export const MAX_DECISIONS = 50;

export const isOver = (state: UpgradeState): boolean => upgradeTransitions[state].length === 0;

export const advanceUpgrade = (from: UpgradeState, to: UpgradeState): UpgradeState =>
  advance(upgradeTransitions, from, to);
