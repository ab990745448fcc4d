import type { Client } from '@temporalio/client';
import { Worker, type WorkflowBundleOption } from '@temporalio/worker';
import type { ReplayFault } from '../../model/upgrader.ts';
import { readCorpus, type RecordedRun } from './corpus.ts';
import { findEvent } from './find-event.ts';
import { openRuns } from './open-runs.ts';

export type Replayed = { readonly runs: number; readonly corpus: number; readonly faults: readonly ReplayFault[] };

export type ReplayOptions = {
  readonly client: Client;
  readonly taskQueue: string;
  /** Folder of recorded runs; null: none. */
  readonly corpus: string | null;
  readonly workflowBundle: WorkflowBundleOption;
};

/** Lets this build's workflows go through all open runs of the queue, children too, and through the corpus. */
export async function replayAll({ client, taskQueue, corpus, workflowBundle }: ReplayOptions): Promise<Replayed> {
  const ofRuns = await replayEach(workflowBundle, openRuns(client, taskQueue));
  const ofCorpus = await replayEach(workflowBundle, corpus === null ? [] : readCorpus(corpus));
  return { runs: ofRuns.count, corpus: ofCorpus.count, faults: [...ofRuns.faults, ...ofCorpus.faults] };
}

/** One worker replays them all; only a run with a fault is looked at once more. */
async function replayEach(
  workflowBundle: WorkflowBundleOption,
  histories: AsyncIterable<RecordedRun> | Iterable<RecordedRun>,
): Promise<{ readonly count: number; readonly faults: readonly ReplayFault[] }> {
  const faults: ReplayFault[] = [];
  const seen: RecordedRun[] = [];
  let count = 0;
  for await (const { workflowId, runId, error } of Worker.runReplayHistories(
    { workflowBundle },
    keepLast(histories, seen),
  )) {
    count += 1;
    const run = seen.at(-1);
    if (error === undefined || run === undefined) continue;
    const event = await findEvent(
      error,
      async (events) => isFaulty(workflowBundle, { ...run, history: { events } }),
      run,
    );
    faults.push({ workflowId, runId, event, message: inShort(error) });
  }
  return { count, faults };
}

/** Results come one by one, each before the next history is asked for. */
async function* keepLast(
  histories: AsyncIterable<RecordedRun> | Iterable<RecordedRun>,
  seen: RecordedRun[],
): AsyncGenerator<RecordedRun> {
  for await (const run of histories) {
    seen.splice(0, seen.length, run);
    yield run;
  }
}

async function isFaulty(workflowBundle: WorkflowBundleOption, run: RecordedRun): Promise<boolean> {
  for await (const { error } of Worker.runReplayHistories({ workflowBundle }, [run])) return error !== undefined;
  return false;
}

/** What went wrong, out of the midst of the core's own words. */
function inShort({ message }: Error): string {
  const found = /\[TMPRL1100\] [^"\\]*/.exec(message)?.[0] ?? message.split('\n')[0] ?? message;
  return found.trim();
}
