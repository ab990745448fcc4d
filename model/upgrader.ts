import type { FleetId, HostId } from './ids.ts';

/** Labels by which the upgrader's own containers are found on its hosts. */
export const upgraderLabels = {
  /** `worker` or `api`. */
  role: 'dev.refit.upgrader',
  build: 'dev.refit.build',
  fleet: 'dev.refit.fleet',
} as const;

export type UpgraderRole = 'worker' | 'api';

/** What the upgrader's containers mount, at the same path, read-only: fleet file, environment and what they name. */
export const UPGRADER_FOLDER = '/etc/refit';

/** By this a worker is told from those of other builds, in Temporal and on its host: twelve digits of its image's digest. */
export type BuildId = string;

/** `registry/refit@sha256:<64 digits>` → `0123456789ab`; throws a RangeError that quotes the text. */
export function buildOf(image: string): BuildId {
  const build = /@sha256:([0-9a-f]{12})[0-9a-f]{52}$/.exec(image)?.[1];
  if (build === undefined) throw new RangeError(`expected the upgrader's image by digest, got "${image}"`);
  return build;
}

/** Containers of two builds stand side by side while one takes over from the other. */
export const upgraderContainer = (role: UpgraderRole, build: BuildId): string => `refit-${role}-${build}`;

/** Temporal's worker deployment of a fleet; its versions are the builds. */
export const deploymentName = (fleet: FleetId): string => `refit-${fleet}`;

/** What Temporal says of the fleet's workers. */
export type WorkerVersion = {
  readonly build: BuildId;
  readonly isCurrent: boolean;
  /** Runs that are pinned to it and not over. */
  readonly openRuns: number;
  /** Identities of workers of that build that ask for work now. */
  readonly workers: readonly string[];
};

/** The fleet's workers as Temporal knows them. Throws when Temporal doesn't answer. */
export interface WorkerVersions {
  list(signal: AbortSignal): Promise<readonly WorkerVersion[]>;
  /** Whatever starts from now on goes to it; what is open stays where it is. Idempotent. */
  setCurrent(build: BuildId, signal: AbortSignal): Promise<void>;
  /** An open run goes on with whatever is current, no longer with the build that it is pinned to. Idempotent. */
  moveOn(run: { readonly workflowId: string; readonly runId: string }, signal: AbortSignal): Promise<void>;
}

/** A run that the successor's workflows can't go on with. */
export type ReplayFault = {
  readonly workflowId: string;
  readonly runId: string;
  /** Number of the event in the run's history; null: the history could not be read that far. */
  readonly event: number | null;
  readonly message: string;
};

/** `image`: by digest · `current`: build that new runs go to; null: workers without versions · `hosts`: those that carry it. */
export type PlannedUpgrader = {
  readonly image: string;
  readonly current: BuildId | null;
  readonly hosts: readonly HostId[];
};

/** Where a host's agent is, next to the one of the release. */
export type AgentStanding = { readonly host: HostId; readonly from: string | null; readonly to: string };
