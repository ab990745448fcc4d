import type { Digest, FleetId, HostId, ServiceId, StepId, UpgradeId } from '../model/ids.ts';
import type { HostOutcome } from '../model/host.ts';
import type { PlannedHost, PlannedMigration, PlannedService, Risk, WaveRun } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import type { ReleaseRef } from '../model/release.ts';
import type { PlannedAgents } from '../model/self-upgrade.ts';
import type { ServicePolicy, ServiceUpgradeInput } from '../model/service.ts';
import type { EditedAnswer, Finding } from '../model/upgrade.ts';
import type { PlannedUpgrader } from '../model/upgrader.ts';
import type { MemberActivities } from './member-activities.ts';
import type { SelfUpgradeActivities } from './self-upgrade-activities.ts';
import type { MigrationActivities } from './migration-activities.ts';
import type { TrafficActivities } from './traffic-activities.ts';
import type { UnitActivities } from './unit-activities.ts';

/** The steps of an upgrade that touch the world. Each is idempotent: at least once, and perhaps twice at the same time. */
export interface Activities
  extends MemberActivities, TrafficActivities, UnitActivities, MigrationActivities, SelfUpgradeActivities {
  /** Fences earlier runs off: from now on agents and the bus obey this run only. The same run gets the same epoch again. */
  claimEpoch(
    input: RunInput & { readonly run: string; readonly startedAt: number },
  ): Promise<{ readonly epoch: number }>;
  /** Reads every host, reports all findings at once, and lays the plan on the bus. Touches no host. */
  preflight(input: PreflightInput): Promise<PreflightResult>;
  /** A page of at most MAX_WAVE_HOSTS hosts of a wave. */
  loadWave(input: PlanPage): Promise<{ readonly hosts: readonly PlannedHost[]; readonly total: number }>;
  /** The services of a plan, in the order in which they go. */
  loadServices(input: PlanPlace): Promise<{ readonly services: readonly ServiceInPlan[] }>;
  /** How a service of the release is to be upgraded, by the release and the fleet file. */
  loadService(input: LoadServiceInput): Promise<LoadedService>;
  /** Release, images and agent are on the host and the agent is alive. */
  downloadRelease(input: DownloadInput): Promise<DownloadResult>;
  /** Orders one host and waits for its report, heartbeating what the agent says. */
  orderHost(input: OrderInput): Promise<HostOutcome>;
  /** Writes every order with start: baton, the chain, and hands the baton to the first host. */
  startChain(input: ChainInput): Promise<void>;
  /** Waits until the chain is through, or its baton stays with a host that failed, was lost, or is on hold. */
  followChain(input: ChainInput): Promise<ChainEnd>;
  /** How the hosts of a chain's page ended, by their own reports. */
  readOutcomes(input: ChainPage): Promise<readonly HostOutcome[]>;
  /** Withdraws the orders of a chain that wait for the baton. */
  standDown(input: ChainInput & { readonly reason: string }): Promise<void>;
  /** Sets or lifts the operator's pause on the chain. */
  setHold(input: RunInput & { readonly epoch: number; readonly hold: boolean; readonly reason: string }): Promise<void>;
  /** Looks whether what failed on one host would fail on another that was not touched: environment or release. */
  probeHost(input: ProbeInput): Promise<{ readonly ok: boolean; readonly evidence: string }>;
  /** Measures every host once more: those of a page that are not on the release. */
  verifyFleet(input: RunInput & { readonly release: ReleaseRef; readonly planDigest: Digest }): Promise<VerifyResult>;
}

type RunInput = { readonly fleet: FleetId; readonly upgrade: UpgradeId };

export type PreflightInput = RunInput & {
  readonly reference: string;
  readonly digest: Digest;
  readonly policy: Policy;
  readonly tree: Digest | null;
};

export type PreflightResult = {
  /** The target. */
  readonly release: ReleaseRef;
  /** At least one, at most MAX_HOPS; the last one ends at the target. */
  readonly hops: readonly PlannedHop[];
  /** Whether the fleet file names services, or units, behind a load balancer: hosts at work are then taken out of traffic. */
  readonly balanced: boolean;
  /** All of them, at most MAX_FINDINGS. */
  readonly findings: readonly Finding[];
  /** Absent: the upgrader and the agents stay as they are; upgrades that began before there was such a thing don't say it. */
  readonly selfUpgrade?: PlannedSelfUpgrade;
};

/** What of refit itself the release brings. */
export type PlannedSelfUpgrade = {
  /** null: the release has none, or no host carries it, or it is there and alone. */
  readonly upgrader: PlannedUpgrader | null;
  /** null: every agent that lives is the release's. */
  readonly agents: PlannedAgents | null;
};

/** A hop without its hosts, which are on the bus. */
export type PlannedHop = {
  /** Under which agents, engines and the bus know this hop. */
  readonly upgrade: UpgradeId;
  readonly release: ReleaseRef;
  readonly planDigest: Digest;
  readonly waves: readonly WaveRun[];
  readonly alreadyThere: number;
  readonly services: number;
  readonly migrations: readonly PlannedMigration[];
  readonly hasBackup: boolean;
  readonly risks: readonly Risk[];
  readonly downloadBytes: number;
  readonly hostDeadlineMs: number;
};

/** `upgrade`: the hop's own. */
export type PlanPlace = RunInput & { readonly planDigest: Digest };

/** `wave` null: the hosts that are there already. */
export type PlanPage = PlanPlace & {
  readonly wave: string | null;
  readonly offset: number;
};

export type ServiceInPlan = Pick<PlannedService, 'name' | 'image'>;

export type LoadServiceInput = RunInput & { readonly release: ReleaseRef; readonly name: ServiceId };
export type LoadedService = Pick<ServiceUpgradeInput, 'service' | 'image' | 'reference' | 'digest' | 'settings'> & {
  readonly policy: Pick<ServicePolicy, 'strategy' | 'mode' | 'minAvailable' | 'health' | 'drainMs'>;
};

export type DownloadInput = RunInput & {
  readonly host: HostId;
  readonly release: ReleaseRef;
  readonly byteLimit: number;
  readonly diskFloorBytes: number;
  readonly deadlineMs: number;
};

/** environment: the registry, the engine, the disk; the release itself is not to blame, try again. */
export type DownloadResult =
  | { readonly outcome: 'staged'; readonly bytes: number }
  | { readonly outcome: 'failed'; readonly kind: 'environment' | 'release'; readonly message: string };

export type OrderInput = RunInput & {
  readonly host: HostId;
  readonly release: ReleaseRef;
  readonly from: string | null;
  readonly action: 'install' | 'revert';
  /** An operator's answer for edited files that ask; null: none was given. */
  readonly edited: EditedAnswer | null;
  readonly epoch: number;
  readonly sequence: number;
  readonly deadlineMs: number;
  readonly silenceMs: number;
};

export type ChainInput = RunInput & {
  readonly release: ReleaseRef;
  readonly planDigest: Digest;
  readonly wave: string;
  /** Hosts of the wave that are not part of the chain; places are counted without them. */
  readonly skipped: readonly HostId[];
  /** Operators' answers about files that an administrator edited; upgrades that began before there was such a thing don't say it. */
  readonly edited?: readonly { readonly host: HostId; readonly answer: EditedAnswer }[];
  /** The chain's first host, as a place in the chain: one that failed goes on behind the host that kept the baton. */
  readonly offset: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly deadlineMs: number;
  readonly silenceMs: number;
};

/** `position`: place in the chain of the host that has the baton; `through`: one past the last. */
export type ChainEnd =
  | { readonly end: 'through'; readonly position: number }
  | { readonly end: 'stopped'; readonly position: number; readonly outcome: HostOutcome }
  | { readonly end: 'held'; readonly position: number };

export type ChainPage = ChainInput & { readonly limit: number };

export type ProbeInput = RunInput & {
  readonly host: HostId;
  readonly release: ReleaseRef;
  readonly step: StepId | null;
  readonly epoch: number;
  readonly sequence: number;
};

export type VerifyResult = { readonly measured: number; readonly elsewhere: readonly Finding[] };

/** Findings that one answer carries: 10 kB of an activity's 16. The last says how many more there are. */
export const MAX_FINDINGS = 50;
