import { z } from 'zod';
import type { FleetId } from '../model/ids.ts';
import { deploymentName, type BuildId, type WorkerVersion, type WorkerVersions } from '../model/upgrader.ts';

/**
 * A worker's question for work stays open for a minute, and Temporal lists whoever asked within its last five; ms. Older than
 * this is one that has ended.
 */
const ASKING_MS = 75_000;
/** Longest wait for an answer of the server's; ms. */
const ANSWER_MS = 10_000;
/**
 * As Temporal's requests have it: who asks for activities. The answer is one partition's of the queue, and a worker asks for
 * activities on each of them at once, but for workflows only on some.
 */
const ACTIVITIES = 2;
/** gRPC's code for "there is no such thing". */
const NOT_FOUND = 5;

type Ask<Request> = (request: Request) => Promise<unknown>;

/** What is asked of Temporal's own service; a client's connection has it, and a worker's. */
export type VersionService = {
  readonly describeWorkerDeployment: Ask<{ namespace: string; deploymentName: string }>;
  readonly setWorkerDeploymentCurrentVersion: Ask<{
    namespace: string;
    deploymentName: string;
    buildId: string;
    conflictToken: Uint8Array;
    identity: string;
  }>;
  readonly describeTaskQueue: Ask<{ namespace: string; taskQueue: { name: string }; taskQueueType: number }>;
  readonly countWorkflowExecutions: Ask<{ namespace: string; query: string }>;
  readonly updateWorkflowExecutionOptions: Ask<{
    namespace: string;
    workflowExecution: { workflowId: string; runId: string };
    workflowExecutionOptions: { versioningOverride: { autoUpgrade: true } };
    updateMask: { paths: string[] };
    identity: string;
  }>;
};

export type VersionsOptions = {
  readonly service: VersionService;
  /** Runs the call so that it ends with the signal, or at the deadline (epoch ms): a connection's own way. */
  readonly within: <Answer>(
    limits: { signal: AbortSignal; deadline: number },
    call: () => Promise<Answer>,
  ) => Promise<Answer>;
  readonly namespace: string;
  readonly fleet: FleetId;
  readonly taskQueue: string;
  /** Who changes something, for Temporal's record. */
  readonly identity: string;
  readonly now?: () => number;
};

/** One fleet's workers, by what Temporal's worker versioning knows of them. */
export function createWorkerVersions(options: VersionsOptions): WorkerVersions {
  const { service, namespace, fleet, taskQueue, now = Date.now } = options;
  const name = deploymentName(fleet);
  const ask = async <Answer>(signal: AbortSignal, call: () => Promise<Answer>): Promise<Answer> => {
    signal.throwIfAborted();
    return options.within({ signal, deadline: Date.now() + ANSWER_MS }, call);
  };
  const describe = async (signal: AbortSignal): Promise<Versions | null> => {
    const answer = await ask(signal, () => service.describeWorkerDeployment({ namespace, deploymentName: name })).catch(
      absent,
    );
    return answer === null ? null : WorkerDeployment.parse(answer);
  };
  const readPollers = async (signal: AbortSignal): Promise<readonly Poller[]> => {
    const question = { namespace, taskQueue: { name: taskQueue }, taskQueueType: ACTIVITIES };
    const { pollers } = Queue.parse(await ask(signal, () => service.describeTaskQueue(question)));
    return pollers.filter(({ family }) => family === name);
  };
  const count = async (build: BuildId, signal: AbortSignal): Promise<number> => {
    const query = `TemporalWorkerDeploymentVersion = '${name}:${build}' AND ExecutionStatus = 'Running'`;
    return Count.parse(await ask(signal, () => service.countWorkflowExecutions({ namespace, query }))).count;
  };
  return {
    list: async (signal): Promise<readonly WorkerVersion[]> => {
      const found = await describe(signal);
      if (found === null) return [];
      const pollers = await readPollers(signal);
      return Promise.all(
        found.builds.map(async (build) => ({
          build,
          isCurrent: build === found.current,
          openRuns: await count(build, signal),
          workers: askingNow(
            pollers.filter((poller) => poller.build === build),
            now(),
          ),
        })),
      );
    },
    setCurrent: async (build, signal): Promise<void> => {
      const found = await describe(signal);
      if (found?.current === build) return;
      const { conflictToken } = found ?? { conflictToken: new Uint8Array() };
      const change = { namespace, deploymentName: name, buildId: build, conflictToken, identity: options.identity };
      await ask(signal, () => service.setWorkerDeploymentCurrentVersion(change)).catch((cause: unknown) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`build ${build} can't be made current for fleet ${fleet}: ${why}`, { cause });
      });
    },
    moveOn: async ({ workflowId, runId }, signal): Promise<void> => {
      await ask(signal, () =>
        service.updateWorkflowExecutionOptions({
          ...{ namespace, workflowExecution: { workflowId, runId }, identity: options.identity },
          workflowExecutionOptions: { versioningOverride: { autoUpgrade: true } },
          updateMask: { paths: ['versioning_override'] },
        }),
      );
    },
  };
}

type Versions = z.infer<typeof WorkerDeployment>;

const Version = z.object({ buildId: z.string() });
const WorkerDeployment = z
  .object({
    workerDeploymentInfo: z.object({
      versionSummaries: z.array(z.object({ deploymentVersion: Version })),
      routingConfig: z.object({ currentDeploymentVersion: Version.nullish() }).nullish(),
    }),
    conflictToken: z.instanceof(Uint8Array),
  })
  .transform(({ workerDeploymentInfo: { versionSummaries, routingConfig }, conflictToken }) => ({
    builds: versionSummaries.map(({ deploymentVersion }) => deploymentVersion.buildId),
    current: routingConfig?.currentDeploymentVersion?.buildId ?? null,
    conflictToken,
  }));

/** 64 bits, as the client has them: all of these are far below what a number holds. */
const Long = z.coerce.number();
const Count = z.object({ count: Long });
const Queue = z.object({
  pollers: z
    .array(
      z.object({
        identity: z.string(),
        lastAccessTime: z.object({ seconds: Long }).nullish(),
        deploymentOptions: z.object({ deploymentName: z.string(), buildId: z.string() }).nullish(),
      }),
    )
    .transform((pollers) =>
      pollers.map(({ identity, lastAccessTime, deploymentOptions }) => ({
        identity,
        lastAccessMs: (lastAccessTime?.seconds ?? 0) * 1_000,
        family: deploymentOptions?.deploymentName ?? null,
        build: deploymentOptions?.buildId ?? null,
      })),
    ),
});
type Poller = z.infer<typeof Queue>['pollers'][number];

/** Names of those that ask for work now. */
export const askingNow = (
  pollers: readonly Pick<Poller, 'identity' | 'lastAccessMs'>[],
  now: number,
): readonly string[] =>
  [
    ...new Set(pollers.filter(({ lastAccessMs }) => lastAccessMs > now - ASKING_MS).map(({ identity }) => identity)),
  ].sort();

/** No versioned worker has ever asked for this fleet's work. */
function absent(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return null;
  throw error;
}
