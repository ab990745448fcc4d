import { createWorkerVersions } from '../drivers/worker-versions.ts';
import type { FleetId } from '../model/ids.ts';
import type { BuildId, WorkerVersions } from '../model/upgrader.ts';
import { taskQueue } from '../workflows/messages.ts';
import type { Temporal } from './connection.ts';

/** Of a worker that has no Temporal of its own, as some tests' are. */
export const noWorkerVersions: WorkerVersions = {
  ...{ list: withoutTemporal, setCurrent: withoutTemporal, moveOn: withoutTemporal },
};

/** What a container of the upgrader is told of itself; null: a worker from the sources, which has no version. */
export type OwnVersion = { readonly build: BuildId; readonly identity: string };

export function ownVersion(env: NodeJS.ProcessEnv = process.env): OwnVersion | null {
  const build = env['REFIT_BUILD_ID'] ?? '';
  if (build === '') return null;
  const identity = env['REFIT_WORKER_IDENTITY'] ?? '';
  if (identity === '')
    throw new RangeError('expected REFIT_WORKER_IDENTITY beside REFIT_BUILD_ID: they name the worker');
  return { build, identity };
}

/** The fleet's workers as its Temporal knows them, over the worker's own connection. */
export function openWorkerVersions(
  { connection, namespace }: Omit<Temporal, 'address'>,
  fleet: FleetId,
): WorkerVersions {
  return createWorkerVersions({
    service: connection.workflowService,
    within: ({ signal, deadline }, call) =>
      connection.withAbortSignal(signal, async () => connection.withDeadline(deadline, call)),
    namespace,
    fleet,
    taskQueue: taskQueue(fleet),
    identity: `refit worker of ${fleet}`,
  });
}

function withoutTemporal(): Promise<never> {
  return Promise.reject(new Error("this worker was given no connection to ask for its fleet's workers"));
}
