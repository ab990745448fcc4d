import type { FleetId, HostId, UpgradeId } from '../model/ids.ts';
import type { ReleaseRef } from '../model/release.ts';
import type { AgentStanding, BuildId, ReplayFault } from '../model/upgrader.ts';

/** How the upgrader brings itself, and the agents, to what a release carries. All of them idempotent: what is there stays. */
export interface SelfUpgradeActivities {
  /** Pulls the successor's image on a host of the upgrader's and lets it replay all open runs and its corpus; nothing is started. */
  replaySuccessor(input: SuccessorInput): Promise<ReplayResult>;
  /** Starts the successor's worker on one host, beside the one that is there, and waits until Temporal hears it ask for work. */
  startSuccessor(input: SuccessorInput): Promise<SuccessorStart>;
  /** Makes it the current version: what starts from now on is its; open runs stay pinned. */
  switchWorkers(input: WorkersInput): Promise<{ readonly before: BuildId | null }>;
  /** Replaces the API's container on one host by the successor's; none there: nothing is done. */
  replaceApi(input: SuccessorInput): Promise<SuccessorStart>;
  /** Stops and removes the successor's worker: it is not to take over. */
  dropSuccessor(input: SuccessorInput): Promise<void>;
  /** Ends workers of other builds that no open run is pinned to any more; names those that have to stay. */
  retireWorkers(input: WorkersInput): Promise<RetiredWorkers>;
  /** Hosts whose agent lives and is another one than the release's: at most MAX_WAVE_HOSTS, from a place in the fleet file on. */
  loadAgents(input: AgentsPage): Promise<LoadedAgents>;
  /** Puts the release's agent beside the host's and waits until it is alive on the bus, or the old one is back. */
  upgradeAgent(input: AgentInput): Promise<AgentResult>;
}

type InRun = { readonly fleet: FleetId; readonly upgrade: UpgradeId };

/** `image`: by digest; its build is that digest's (buildOf). */
export type SuccessorInput = InRun & { readonly host: HostId; readonly image: string; readonly deadlineMs: number };
export type WorkersInput = InRun & { readonly image: string; readonly hosts: readonly HostId[] };

/** blocked: named faults, at most MAX_REPLAY_FAULTS · failed: it could not be asked, or did not end well. */
export type ReplayResult =
  | { readonly outcome: 'replayed'; readonly runs: number; readonly corpus: number }
  | { readonly outcome: 'blocked'; readonly faults: readonly ReplayFault[]; readonly more: number }
  | { readonly outcome: 'failed'; readonly message: string };

/** failed: what was begun is removed again. */
export type SuccessorStart =
  { readonly outcome: 'started' | 'running' | 'absent' } | { readonly outcome: 'failed'; readonly message: string };

export type RetiredWorkers = {
  readonly retired: readonly { readonly host: HostId; readonly build: BuildId }[];
  readonly kept: readonly { readonly build: BuildId; readonly openRuns: number }[];
};

/** `agent`: version of the release's. */
export type AgentsPage = InRun & { readonly agent: string; readonly offset: number };
/** `next`: where the next page begins; null: this is the last. */
export type LoadedAgents = { readonly agents: readonly AgentStanding[]; readonly next: number | null };

export type AgentInput = InRun & {
  readonly host: HostId;
  readonly release: ReleaseRef;
  /** Version of the release's. */
  readonly agent: string;
  readonly byteLimit: number;
  readonly diskFloorBytes: number;
  readonly deadlineMs: number;
};

/** kept: it is at work on something else and was not disturbed · reverted: the old one is back, and why. */
export type AgentResult =
  | { readonly outcome: 'running' | 'replaced' | 'kept'; readonly agent: string }
  | { readonly outcome: 'reverted' | 'failed'; readonly message: string };

/** Faults that one answer carries. */
export const MAX_REPLAY_FAULTS = 10;
