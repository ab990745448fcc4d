import type { z } from 'zod';
import { startedRunSchema, type RunDocument } from '../api/schemas/run.ts';
import type { FoundRun } from '../find-upgrade.ts';
import type { RunId } from '../run-end.ts';
import type { RunLook } from '../run-look.ts';
import type { Watcher } from '../watch.ts';
import type { Api, Posted } from './call.ts';
import { watchLevel } from './watch-level.ts';

/** Runs of one kind by way of an API. A run's workflow is to it the path of what is upgraded. */
export type RemoteRuns<Progress> = {
  readonly latest: (path: string) => Promise<FoundRun | null>;
  readonly look: (run: RunId) => Promise<RunLook<Progress> | null>;
  readonly watch: (
    run: RunId,
    watcher: Watcher<RunLook<Progress>>,
    signal: AbortSignal,
  ) => Promise<RunLook<Progress> | null>;
  /** Asks for a run at `<path>/<collection>`. */
  readonly start: (asked: AskedRun) => Promise<Posted<StartedRun>>;
};

export type AskedRun = { readonly path: string; readonly collection: string; readonly body?: object };
type StartedRun = Pick<z.output<typeof startedRunSchema>, 'id'> & { readonly run: RunId };

type Schemas<Progress> = {
  readonly run: z.ZodType<RunDocument<Progress>>;
  readonly look: z.ZodType<RunLook<Progress>>;
};

export function remoteRuns<Progress>(
  api: Api,
  { run: runSchema, look: lookSchema }: Schemas<Progress>,
): RemoteRuns<Progress> {
  const find = ({ workflowId, runId }: RunId): Promise<RunDocument<Progress> | null> =>
    api.find(`${workflowId}/upgrades/${runId}`, runSchema);
  return {
    latest: async (path) => {
      const latest = await find({ workflowId: path, runId: 'latest' });
      return latest?.found == null ? null : { ...latest.found, run: { workflowId: path, runId: latest.runId } };
    },
    look: async (run) => (await find(run))?.look ?? null,
    watch: ({ workflowId, runId }, watcher, signal) =>
      watchLevel(
        {
          ...{ transport: api.transport, path: `${workflowId}/upgrades/${runId}/events` },
          ...{ schema: lookSchema, isOver: ({ run }) => run !== 'live' },
        },
        watcher,
        signal,
      ),
    start: async ({ path, collection, body }) => {
      const posted = await api.post(`${path}/${collection}`, body, startedRunSchema);
      if (posted.outcome === 'refused') return posted;
      const { id, runId } = posted.value;
      return { outcome: 'done', value: { id, run: { workflowId: path, runId } } };
    },
  };
}

/** Of a start that met another one: that one, which may have ended in between. */
export const busy = (
  winner: FoundRun | null,
): { readonly outcome: 'running'; readonly id: string; readonly release: string } => ({
  ...{ outcome: 'running', id: winner?.id ?? 'unknown', release: winner?.release ?? 'unknown' },
});
