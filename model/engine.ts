import type { ContainerHealth, PutBack, PutBackOutcome, Replacement, ReplacementOutcome } from './replacement.ts';

/** A host's Docker Engine. Every call is bounded in time; `signal` ends a call earlier, which then throws the signal's reason. */
export interface Engine extends ContainerEngine, SlotEngine {
  info(signal?: AbortSignal): Promise<EngineInfo>;
  /** Idempotent: an image that is there by digest is not pulled again. Only by digest. */
  pullImage(pull: ImagePull): Promise<PullOutcome>;
  /** Runs a container to its end and removes it. Idempotent by name: a job that a killed attempt left is taken over. */
  runJob(job: Job): Promise<JobOutcome>;
  /** null: the engine does not have it. */
  inspectImage(reference: string, signal?: AbortSignal): Promise<EngineImage | null>;
  /** What was set on a container itself, and its image does not give; null: there is none of that name or id. */
  ownSettings(container: string, signal?: AbortSignal): Promise<OwnSettings | null>;
  removeImage(reference: string, signal?: AbortSignal): Promise<'removed' | 'absent' | 'inUse'>;
  /** Containers that carry all the labels, running or not. */
  listContainers(labels: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<readonly ContainerSummary[]>;
}

/** What a unit's slot is made of. Every call is idempotent; `container` is a name or an id. */
export interface SlotEngine {
  /** A bridge network of that name and with these labels; another one under the name is a conflict. */
  ensureNetwork(network: NetworkSpec, signal?: AbortSignal): Promise<void>;
  /** Also when it is connected already; it answers there to the aliases. A container that is gone is notFound. */
  connectNetwork(connection: NetworkConnection, signal?: AbortSignal): Promise<void>;
  /** A container that is not connected, or either that is not there, is fine. */
  disconnectNetwork(connection: Omit<NetworkConnection, 'aliases'>, signal?: AbortSignal): Promise<void>;
  /** One that is not there is fine; one in use is a conflict. */
  removeNetwork(name: string, signal?: AbortSignal): Promise<void>;
  /** Writes the files into a container that exists, running or not; folders on the way are made. */
  putFiles(container: string, files: readonly ContainerFile[], signal?: AbortSignal): Promise<void>;
  /** Waits until a container that was started is well. null: it is; else why it is not. */
  awaitHealth(container: string, health: ContainerHealth, signal?: AbortSignal): Promise<string | null>;
  /** Named volumes whose name begins with the prefix; those in use stay. Gives the number that were removed. */
  removeVolumes(prefix: string, signal?: AbortSignal): Promise<number>;
}

export type NetworkSpec = { readonly name: string; readonly labels: Readonly<Record<string, string>> };
export type NetworkConnection = {
  readonly network: string;
  readonly container: string;
  readonly aliases: readonly string[];
};
/** `mode`: octal, such as `0400`. */
export type ContainerFile = {
  readonly to: string;
  readonly content: Uint8Array;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
};

/** What a step needs to replace a container in place. `container` is a name or an id. */
export interface ContainerEngine {
  imagePresent(reference: string, signal?: AbortSignal): Promise<boolean>;
  inspectContainer(container: string, signal?: AbortSignal): Promise<ContainerState | null>;
  /**
   * Idempotent by name: a container of the name with the same labels and image is adopted; one with refit's labels but
   * other values is removed first; anybody else's is a conflict.
   */
  createContainer(
    spec: ContainerSpec,
    signal?: AbortSignal,
  ): Promise<{ readonly id: string; readonly adopted: boolean }>;
  /** A container that runs already is fine. */
  startContainer(container: string, signal?: AbortSignal): Promise<void>;
  /** Asks it to end, kills it after the time; a container that has ended already is fine. */
  stopContainer(
    container: string,
    options: { readonly timeoutS: number; readonly signal?: AbortSignal },
  ): Promise<void>;
  renameContainer(container: string, name: string, signal?: AbortSignal): Promise<void>;
  /** A container that is not there is fine. Its anonymous volumes go only when asked for. */
  removeContainer(
    container: string,
    options: { readonly force: boolean; readonly volumes?: boolean; readonly signal?: AbortSignal },
  ): Promise<void>;
  setRestartPolicy(container: string, policy: RestartPolicy, signal?: AbortSignal): Promise<void>;
  /** In place; resumable: the same call again goes on from what the engine shows. */
  replaceContainer(replacement: Replacement): Promise<ReplacementOutcome>;
  /** The container that the last replacement kept takes its place again; resumable. */
  putBackContainer(way: PutBack): Promise<PutBackOutcome>;
  /** Whether the container in place is, in image and configuration, what the replacement asks for. Changes nothing. */
  compareContainer(wish: ContainerWish): Promise<'same' | 'different' | 'absent'>;
  /** Removes what replacements of this container keep for a way back, all or the one; never the container itself. */
  discardKept(container: string, only: string | null, signal?: AbortSignal): Promise<number>;
}

/** What a step that upgrades the engine itself asks of it. */
export interface EngineDaemon {
  about(signal?: AbortSignal): Promise<EngineAbout>;
  /** Containers that run, but for those of a swarm, which looks after them itself. */
  running(signal?: AbortSignal): Promise<readonly RunningContainer[]>;
  /** gone: it was removed; done: it ended well and nothing starts it again; null: neither. */
  endOf(container: string, signal?: AbortSignal): Promise<'gone' | 'done' | null>;
  /** A container that runs already is fine. */
  startContainer(container: string, signal?: AbortSignal): Promise<void>;
}

export type EngineAbout = {
  readonly version: string;
  /** Containers go on while the engine is away. */
  readonly isLiveRestore: boolean;
  /** Then it stops them whatever its settings say. */
  readonly isSwarm: boolean;
  /** How and where it keeps containers, such as `overlay2 in /var/lib/docker`: one that does otherwise knows none of them. */
  readonly store: string;
};

export type RunningContainer = {
  readonly id: string;
  readonly name: string;
  /** As the engine writes times; another after every start. */
  readonly startedAt: string;
  /** It removes itself when it ends (`--rm`). */
  readonly isAutoRemove: boolean;
};

/** What makes a container what it is, apart from how it gets there. */
export type ContainerWish = Pick<Replacement, 'container' | 'image' | 'base' | 'settings' | 'signal'>;

export type EngineInfo = {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly kernel: string;
  readonly rootDir: string;
  readonly storageDriver: string;
  readonly containers: number;
  readonly running: number;
};

export type OwnSettings = Pick<ContainerSpec, 'env' | 'volumes' | 'network' | 'memoryBytes'>;
export type EngineImage = { readonly id: string; readonly architecture: string; readonly os: string };

export type ImagePull = {
  /** `repository@sha256:…`. */
  readonly reference: string;
  readonly registryAuth?: { readonly username: string; readonly password: string };
  /** Downloaded so far, and the sum of what is known of the layers' sizes; bytes. */
  readonly onProgress?: (progress: PullProgress) => void;
  /** A registry may send more than it announced; the engine itself sets no limit. */
  readonly byteLimit: number;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
};
export type PullProgress = { readonly bytes: number; readonly totalBytes: number };
export type PullOutcome =
  | { readonly outcome: 'pulled' | 'alreadyThere' }
  | { readonly outcome: 'failed'; readonly kind: PullFailure; readonly message: string };
/** unreachable: the engine or the registry; the message says which. */
export type PullFailure = 'notFound' | 'unreachable' | 'tooLarge' | 'noSpace' | 'corrupt' | 'deadline' | 'refused';

export type Job = {
  /** Names the work, not the attempt, so that the next attempt finds it. */
  readonly name: string;
  readonly image: string;
  /** `hostPath:containerPath[:ro]`. */
  readonly binds: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** All of them must match for a job to be taken over. */
  readonly labels: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly networkMode?: string;
  /** Put into it before it starts. */
  readonly files?: readonly ContainerFile[];
  /** It stays when it has ended, so that the same call again only reads how; removeContainer ends that. Absent: it goes. */
  readonly keep?: boolean;
  readonly deadlineMs: number;
  /** Each line of stdout and stderr once, in the order the engine kept them. */
  readonly onLine?: (line: string) => void;
  /** Ends the waiting, not the job: the next attempt takes it over. */
  readonly signal?: AbortSignal;
};
export type JobOutcome =
  | { readonly outcome: 'exited'; readonly exitCode: number; readonly lines: readonly string[] }
  | { readonly outcome: 'failed'; readonly kind: JobFailure; readonly message: string };
/** notFound: the image · conflict: the name is somebody else's · lost: removed by somebody, or whether it ran is not known · refused: the engine could not start it */
export type JobFailure = 'notFound' | 'unreachable' | 'conflict' | 'lost' | 'deadline' | 'refused';

export type RestartPolicy = 'no' | 'always' | 'unless-stopped' | 'on-failure';

export type ContainerSpec = {
  readonly name: string;
  readonly image: string;
  /** Empty: the image's own. */
  readonly command: readonly string[];
  /** Absent: the image's own. */
  readonly entrypoint?: readonly string[];
  readonly memoryBytes?: number;
  readonly env: Readonly<Record<string, string>>;
  /** `[address:]hostPort:containerPort/protocol`. */
  readonly ports: readonly string[];
  /** `hostPathOrVolume:containerPath[:ro]`. */
  readonly volumes: readonly string[];
  readonly network: string;
  readonly restart: RestartPolicy;
  readonly labels: Readonly<Record<string, string>>;
};

export type ContainerSummary = {
  readonly id: string;
  readonly name: string;
  /** As the container was created with. */
  readonly image: string;
  readonly imageId: string;
  readonly running: boolean;
  readonly labels: Readonly<Record<string, string>>;
};

export type ContainerState = ContainerSummary & {
  readonly status: string;
  readonly exitCode: number;
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly restartPolicy: string;
  readonly startedAt: string;
  /** The engine's whole answer. */
  readonly raw: Readonly<Record<string, unknown>>;
};

/** unreachable: no answer · deadline: none in time · notFound · conflict: name or state in the way · refused: the engine said no */
export type EngineFailure = 'unreachable' | 'deadline' | 'notFound' | 'conflict' | 'refused';

/** A call to an engine failed; the message names the engine, its endpoint and what was asked. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly kind: EngineFailure;

  constructor(kind: EngineFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
