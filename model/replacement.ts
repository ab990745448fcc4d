import type { RestartPolicy } from './engine.ts';
import type { Probe } from './release.ts';

/**
 * A container is replaced in place: a new one takes its name and everything that was set on it. Docker can't keep the id.
 * Resumable: the engine's own state says how far it is, so the same call again goes on after a crash at any instant.
 */
export type Replacement = {
  /** Name of the container; not an id, since that changes. */
  readonly container: string;
  /** Image that is on the engine already: a reference by digest, or an id. Nothing is pulled. */
  readonly image: string;
  /**
   * kept: what was set on the old container stays, `settings` are laid over it · stated: `settings` say it all, and the
   * container need not be there.
   */
  readonly base: 'kept' | 'stated';
  readonly settings: ContainerSettings;
  /** Labels of refit's own (`dev.refit.…`), which say whose work the new container is. */
  readonly labels: Readonly<Record<string, string>>;
  readonly health: ContainerHealth;
  /** Whether the old container stays, stopped and under another name, for a way back. */
  readonly keepOld: boolean;
  /** stopped: ends when the old container is stopped and the new one waits; the same call with `healthy` goes on. */
  readonly until: 'stopped' | 'healthy';
  /** What becomes of a new container that fails: the old one runs again at once, or a person or workflow decides. */
  readonly onFailure: 'putBack' | 'leave';
  /** A failure that an earlier attempt saw: the way back goes on, nothing is tried again. */
  readonly failed: string | null;
  /** Called before each change, for heartbeats; `failed` before the way back begins. */
  readonly onStage?: (stage: ReplacementStage) => void;
  readonly signal?: AbortSignal;
};

export type ReplacementStage =
  | { readonly stage: 'creating' | 'stopping' | 'starting' | 'checking' | 'finishing' | 'puttingBack' }
  | { readonly stage: 'failed'; readonly reason: string };

/** Laid over what is there; what is absent stays. */
export type ContainerSettings = {
  /** Empty: as if not given. */
  readonly command?: readonly string[];
  /** One empty word resets the image's. */
  readonly entrypoint?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly unsetEnv?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly unsetLabels?: readonly string[];
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly restart?: RestartPolicy;
  readonly user?: string;
  readonly workdir?: string;
  readonly hostname?: string;
  /** `[address:]hostPort:containerPort[/protocol]`; takes the place of what the container port had. */
  readonly ports?: readonly string[];
  /** `hostPathOrVolume:containerPath[:ro]`; takes the place of what the container path had. */
  readonly volumes?: readonly string[];
  /** For a container whose settings say it all. */
  readonly network?: string;
};

/** Healthy: the image's own check says so if there is one, the probe holds if one is given, and it runs, all of it for `minHealthyTimeMs`. */
export type ContainerHealth = {
  readonly minHealthyTimeMs: number;
  /** From its start; ms. */
  readonly deadlineMs: number;
  /** exec runs in the container, http and tcp from where the replacement is done. */
  readonly probe: ContainerProbe | null;
};
export type ContainerProbe = Exclude<Probe, { readonly type: 'unit' }>;

/** How it ended. Failures of the engine itself (away, too slow) throw EngineError; the same call again goes on. */
export type ReplacementOutcome =
  /** Same image and same configuration: nothing was done. */
  | { readonly outcome: 'alreadyThere'; readonly id: string }
  | {
      readonly outcome: 'replaced';
      readonly id: string;
      /** null: there was none. */
      readonly previous: PreviousContainer | null;
      /** From the old container's stop to the new one's start; null when either did not run. ms. */
      readonly awayMs: number | null;
      /** Differences that could not be avoided, for people. */
      readonly notes: readonly string[];
    }
  /** The old container is stopped, the new one created. */
  | { readonly outcome: 'stopped'; readonly id: string; readonly previous: PreviousContainer | null }
  /** The new one failed; the old one is as it was before, and what was created is gone. */
  | { readonly outcome: 'putBack'; readonly reason: string }
  /** The new one failed and was left, as asked. */
  | { readonly outcome: 'failed'; readonly reason: string }
  /** The new one failed, and the old one could not be brought back: a person is needed. */
  | { readonly outcome: 'stuck'; readonly reason: string }
  /** It can't be done; nothing was changed. */
  | { readonly outcome: 'refused'; readonly why: RefusedReplacement; readonly reason: string };

export type PreviousContainer = {
  readonly id: string;
  readonly imageId: string;
  /** Under which it is kept; null: it was removed. */
  readonly keptAs: string | null;
};

/** unfinished: another upgrade of this container ended half-way · wayBack: its stop could not be undone (`--rm`, swarm). */
export type RefusedReplacement =
  'notFound' | 'image' | 'platform' | 'paused' | 'shared' | 'wayBack' | 'unfinished' | 'settings';

/** The container that the last replacement kept takes its place again. */
export type PutBack = {
  readonly container: string;
  /** stopped: the new one is stopped and set aside, the old one waits; the same call with `running` goes on. */
  readonly until: 'stopped' | 'running';
  /** Id of the container that is wanted back: the same call again then goes not one step further. Absent: the last one. */
  readonly to?: string;
  readonly signal?: AbortSignal;
};
export type PutBackOutcome =
  | { readonly outcome: 'putBack'; readonly id: string; readonly imageId: string }
  | { readonly outcome: 'stopped' }
  /** There is no kept container: it is as it was before the last replacement, or what that kept is gone. */
  | { readonly outcome: 'nothingKept'; readonly reason: string }
  | { readonly outcome: 'stuck'; readonly reason: string };

/** Labels of a new container: what its replacement needs to remember, since only the engine outlives a crash. */
export const memoryLabels = {
  /** Digest of all that makes the container what it is. */
  config: 'dev.refit.config',
  /** Id of the container whose place it takes; empty: there was none. */
  replaces: 'dev.refit.replaces',
  /** JSON of Was: the old container before anything was done. */
  was: 'dev.refit.was',
} as const;
export type Was = { readonly running: boolean; readonly restart: RestartSetting; readonly imageId: string };
export type RestartSetting = { readonly policy: RestartPolicy; readonly retries: number };

/** Labels that say whose work a container is: the upgrade's name, and the step's within a release. */
export const workLabels = { upgrade: 'dev.refit.upgrade', step: 'dev.refit.step' } as const;

/** Labels of containers that refit runs for its own ends. */
const errandLabels = ['host', 'release', 'job'].map((errand) => `dev.refit.${errand}`);
const attemptLabels: ReadonlySet<string> = new Set([
  ...Object.values(memoryLabels),
  ...Object.values(workLabels),
  ...errandLabels,
]);

/** Never taken over from one container to the next. Others that start with the prefix are the user's: a service's, a lab's. */
export const isOwnLabel = (name: string): boolean => attemptLabels.has(name);

/** refit's words in labels start so. */
export const OWN_LABEL_PREFIX = 'dev.refit.';

/** Names of one container's stand-ins: created and not in place yet; out of place until the new one is healthy; kept for a way back. */
const ID_DIGITS = 8;
export const freshName = (container: string): string => `${container}.refit-new`;
export const asideName = (container: string, id: string): string => `${container}.refit-old-${id.slice(0, ID_DIGITS)}`;
export const keptName = (container: string, id: string): string => `${container}.refit-kept-${id.slice(0, ID_DIGITS)}`;

const STAND_IN = /^(?<container>.+)\.refit-(?<as>new|old|kept)(?<digits>-[0-9a-f]{8})?$/;
/** Whose stand-in a container of that name is, and which; null: the name is a container's own. */
export function standInOf(name: string): { readonly container: string; readonly as: 'new' | 'old' | 'kept' } | null {
  const { container, as, digits } = STAND_IN.exec(name)?.groups ?? {};
  if (container === undefined || (as === 'new') !== (digits === undefined)) return null;
  return as === 'new' || as === 'old' || as === 'kept' ? { container, as } : null;
}
/** Whether the name is a stand-in's: it has the labels of a member, and is none. */
export const isStandIn = (name: string): boolean => standInOf(name) !== null;
