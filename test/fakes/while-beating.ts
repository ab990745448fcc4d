import { heartbeat } from '@temporalio/activity';

/** Time between two heartbeats of a fake; ms. */
const BEAT_MS = 200;

/** Cancellation reaches only activities that beat. */
export async function whileBeating(step: () => Promise<void>): Promise<void> {
  heartbeat();
  const timer = setInterval(() => heartbeat(), BEAT_MS);
  try {
    await step();
  } finally {
    clearInterval(timer);
  }
}
