import { heartbeat } from '@temporalio/activity';

/** Time between two beats; ms. The shortest heartbeat timeout of the workflows is ten seconds. */
const BEAT_MS = 1_000;

/** Runs `work` and tells meanwhile, in every beat, what `details` says then. */
export async function whileBeating<Result>(details: () => unknown, work: () => Promise<Result>): Promise<Result> {
  heartbeat(details());
  const timer = setInterval(() => heartbeat(details()), BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
