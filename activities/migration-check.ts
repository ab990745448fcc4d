import { EngineError, type ContainerState } from '../model/engine.ts';
import type { Command } from '../model/release.ts';
import type { JobEnd } from './job-end.ts';
import { isSignalled, runCheck, type JobSite } from './migration-job.ts';
import { memberAt } from './migration-place.ts';

/** Longest wait for a check that can be believed; ms. A database that was killed reads its log first. */
export const ANSWER_WITHIN_MS = 60_000;
const PAUSE_MS = 1_000;
/** How long a member without a check of its own must run before a no is believed; ms. It may not take connections yet. */
const SETTLED_MS = 10_000;

export type Answer =
  | { readonly answer: 'applied' | 'notApplied'; readonly end: JobEnd }
  | { readonly answer: 'unclear'; readonly why: string };

/**
 * Asks a migration's check whether it is applied.
 *
 * 1. Exit code 0 is believed at once: only a database that answers says so.
 * 2. Any other may come from a database that is away. It is believed of a member that runs, healthy if it has a check of its
 *    own, before and after it was asked.
 * 3. Until then it is asked again, within a bound.
 */
export async function askCheck(site: JobSite, command: Command): Promise<Answer> {
  const { ports, name, place, beat, signal } = site;
  const until = ports.clock.now() + ANSWER_WITHIN_MS;
  beat.detail = `check of ${name} on ${place.host}`;
  for (;;) {
    const answer = await askOnce(site, command);
    if (answer.answer !== 'unclear' || ports.clock.now() >= until) return answer;
    beat.detail = `check of ${name} on ${place.host}: ${answer.why}`;
    await ports.clock.sleep(PAUSE_MS, signal);
    signal.throwIfAborted();
  }
}

async function askOnce(site: JobSite, command: Command): Promise<Answer> {
  const { place, ports, signal } = site;
  try {
    const before = await memberAt(place, signal);
    if (before?.running !== true) return unclear(`no container of service ${place.service.name} runs on ${place.host}`);
    const end = await runCheck(site, command, before.id);
    if (end.exitCode === 0) return { answer: 'applied', end };
    const doubt = doubtOf(end, { before, after: await memberAt(place, signal), now: ports.clock.now() });
    return doubt === null ? { answer: 'notApplied', end } : unclear(doubt);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return unclear(error.message);
  }
}

const unclear = (why: string): Answer => ({ answer: 'unclear', why });

type Seen = { readonly before: ContainerState; readonly after: ContainerState | null; readonly now: number };

/** Why a no is not believed; null: it is. */
function doubtOf(end: JobEnd, { before, after, now }: Seen): string | null {
  const { name, health, startedAt } = before;
  if (end.exitCode === null) return end.lines.at(-1) ?? 'the check did not end by itself';
  if (isSignalled(end)) return 'the check was killed';
  if (after?.running !== true || after.id !== before.id || after.startedAt !== startedAt)
    return `${name} was restarted`;
  if (health === 'starting' || health === 'unhealthy') return `${name} is ${health}`;
  // The host's clock may be far off; then this is no measure.
  const isYoung = Math.abs(now - Date.parse(startedAt)) < SETTLED_MS;
  return health === 'none' && isYoung ? `${name} was started just now` : null;
}
