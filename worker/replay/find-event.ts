import type { RecordedRun } from './corpus.ts';

type Events = NonNullable<RecordedRun['history']['events']>;

/** Replays a history's beginning, and says whether that is faulty already. */
type Try = (events: Events) => Promise<boolean>;

/**
 * Number of the event that the workflow does not agree with. Most of the SDK's messages have it: `HistoryEvent(id: 11, …)`.
 * For the others, the history's shortest faulty beginning is looked for, by halves: what its last task was to decide begins
 * with the event. null: the history alone shows no fault.
 */
export async function findEvent(error: Error, isFaulty: Try, run: RecordedRun): Promise<number | null> {
  const told = /HistoryEvent\(id: (\d+)/.exec(error.message)?.[1];
  if (told !== undefined) return Number(told);
  const events = run.history.events ?? [];
  const ends = [...events.keys()].filter((index) => events[index]?.workflowTaskStartedEventAttributes != null);
  let [sound, faulty] = [0, ends.length];
  while (sound < faulty) {
    const middle = Math.floor((sound + faulty) / 2);
    if (await isFaulty(events.slice(0, (ends[middle] ?? 0) + 1))) faulty = middle;
    else sound = middle + 1;
  }
  const decided = events.slice(ends[faulty - 1] ?? 0, ends[faulty] ?? events.length);
  const first = decided.find((event) => event.workflowTaskCompletedEventAttributes == null && !isTaskEvent(event));
  return first?.eventId == null ? null : Number(first.eventId);
}

const isTaskEvent = (event: Events[number]): boolean =>
  event.workflowTaskScheduledEventAttributes != null || event.workflowTaskStartedEventAttributes != null;
