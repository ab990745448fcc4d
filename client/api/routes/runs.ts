import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { FoundRun } from '../../find-upgrade.ts';
import type { RunId } from '../../run-end.ts';
import { isRunOver, type RunLook } from '../../run-look.ts';
import type { Watcher } from '../../watch.ts';
import type { RunDocument } from '../schemas/run.ts';
import { notFound, type Asked } from './asked.ts';
import type { Streams } from './stream.ts';

/** The runs of one thing that is upgraded by itself: a container, a service, a unit. */
export type RunsOf<Progress> = {
  /** `service web of fleet lab`. */
  readonly what: string;
  readonly workflowId: string;
  readonly latest: () => Promise<FoundRun | null>;
  readonly look: (run: RunId) => Promise<RunLook<Progress> | null>;
  readonly watch: (
    run: RunId,
    watcher: Watcher<RunLook<Progress>>,
    signal: AbortSignal,
  ) => Promise<RunLook<Progress> | null>;
};

/** Where a run is, by its own id or the latest. Throws HttpProblem 404 when there is none. */
export async function lookAt<Progress>(runs: RunsOf<Progress>, name: string): Promise<RunDocument<Progress>> {
  const { run, found } = await findRun(runs, name);
  const look = await runs.look(run);
  if (look === null) throw notFound(`${runs.what} has no run ${name}`);
  return { runId: run.runId, found, look };
}

type Following<Progress> = {
  readonly runs: RunsOf<Progress>;
  readonly name: string;
  readonly look: z.ZodType<RunLook<Progress>>;
};

/** The same as it goes on. */
export async function followRun<Progress>(
  streams: Streams,
  { runs, name, look }: Following<Progress>,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<void> {
  const { run } = await findRun(runs, name);
  if ((await runs.look(run)) === null) throw notFound(`${runs.what} has no run ${name}`);
  streams.open<RunLook<Progress>>(request, reply, {
    watch: (watcher, signal) => runs.watch(run, watcher, signal),
    isOver: isRunOver,
    toText: (seen) => JSON.stringify(z.encode(look, seen)),
  });
}

type FoundByName = { readonly run: RunId; readonly found: FoundRun | null };

async function findRun<Progress>({ what, workflowId, latest }: RunsOf<Progress>, name: string): Promise<FoundByName> {
  if (name !== 'latest') return { run: { workflowId, runId: name }, found: null };
  const found = await latest();
  if (found === null) throw notFound(`${what} had no upgrade by itself yet`);
  return { run: found.run, found };
}

type Started = { readonly id: string; readonly run: RunId };

/** Of a start that is made once more after a crash: the run that it began the first time; null: it began none. */
export async function begunBefore<Progress>(
  { key, by }: Asked,
  { latest }: RunsOf<Progress>,
  id: string | undefined,
): Promise<Started | null> {
  if (key === null || id === undefined) return null;
  const found = await latest();
  return found !== null && found.id === id && found.requestedBy === by ? found : null;
}

/** 202, with the address at which the run can be followed. */
export function answerStarted(reply: FastifyReply, root: string, { id, run }: Started): FastifyReply {
  const href = `${root}/upgrades/${run.runId}`;
  return reply.code(202).header('location', href).send({ id, runId: run.runId, href });
}
