import type { Client } from '@temporalio/client';
import type { RecordedRun } from './corpus.ts';
import { ReplayProblem } from './problem.ts';

/** Runs that a fleet may have open at once; an upgrade of the largest fleet has some hundred. */
const MAX_RUNS = 5_000;
/** Pages of one history. Temporal ends a run at 50 MB or 51,200 events, and a page has up to 4 MB. */
const MAX_PAGES = 500;

type HistoryPage = Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistory']>>;
type Events = NonNullable<RecordedRun['history']['events']>;

/** Histories of all runs that are open on the queue, each read when it is its turn: one at a time is in memory. */
export async function* openRuns(client: Client, taskQueue: string): AsyncGenerator<RecordedRun> {
  const query = `TaskQueue = '${taskQueue}' AND ExecutionStatus = 'Running'`;
  let count = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    count += 1;
    if (count > MAX_RUNS) throw new ReplayProblem(`expected at most ${MAX_RUNS} open runs on ${taskQueue}`);
    yield { workflowId, history: { events: await readEvents(client, { workflowId, runId }) } };
  }
}

async function readEvents(
  client: Client,
  execution: { readonly workflowId: string; readonly runId: string },
): Promise<Events> {
  const { namespace } = client.options;
  const events: Events = [];
  let nextPageToken = new Uint8Array();
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const question = { namespace, execution, nextPageToken };
    const answer: HistoryPage = await client.workflowService.getWorkflowExecutionHistory(question);
    events.push(...(answer.history?.events ?? []));
    if (answer.nextPageToken.length === 0) return events;
    nextPageToken = new Uint8Array(answer.nextPageToken);
  }
  throw new ReplayProblem(`the history of ${execution.workflowId} has more than ${MAX_PAGES} pages`);
}
