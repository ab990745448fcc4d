import { rmSync } from 'node:fs';
import { isAtWork } from '../../model/agent-phase.ts';
import { assert, unreachable } from '../../model/assert.ts';
import { phaseOf } from '../core/state.ts';
import { AGENT_UNIT } from '../download/unit-file.ts';
import { readJournals } from '../local/journals.ts';
import { aliveMark, busMark } from '../places.ts';
import { awaitProof, isUp, type ProofParts } from './proof.ts';
import { putAgent } from './put-agent.ts';
import { readTrial, standingTrial, writeTrial, type Agent, type Stand, type Trial } from './trial.ts';
import { TRIAL_UNIT } from './unit-file.ts';

/** How often a trial may be cut off, by a kill or a reboot, before the old agent is taken back. Each attempt has its whole time. */
export const MAX_ATTEMPTS = 3;
/** Longest until an agent's processes have ended: a unit of before has systemd's 90 s before it kills; ms. */
export const STOP_MS = 100_000;
/** How long the old agent is waited for when it was started again; it is the last word either way; ms. */
export const BACK_MS = 15_000;
const LOOK_MS = 20;

/**
 * Takes the host through the trial that stands, from wherever it is, and ends when it is over.
 *
 * 1. The trial's file is written before what it says is done, and every step can be done again: a kill or a reboot at any
 *    instant is resumed from the file, and ends with exactly one of the two agents.
 * 2. The old agent is stopped before the new one starts: two never obey one order. One at work is not disturbed.
 * 3. No clock counts across starts of this program: an attempt has time that no setting moves, and attempts are counted.
 */
export async function runTrial(parts: ProofParts): Promise<void> {
  for (let trial = standingTrial(parts.places); trial !== null; trial = standingTrial(parts.places)) {
    await goOn(parts, trial);
  }
  await parts.services.disable(TRIAL_UNIT);
}

async function goOn(parts: ProofParts, trial: Trial): Promise<void> {
  const { stand, to } = trial;
  switch (stand.phase) {
    case 'waiting':
      return tryOut(parts, trial, 1);
    case 'trying': {
      // Only who was cut off in the middle of an attempt finds it like this.
      if (stand.attempt < MAX_ATTEMPTS) return tryOut(parts, trial, stand.attempt + 1);
      enter(parts, trial, {
        phase: 'returning',
        why: `the trial of agent ${to.version} was cut off ${stand.attempt} times`,
      });
      return;
    }
    case 'returning':
      return goBack(parts, trial, stand.why);
    case 'proven':
    case 'kept':
    case 'returned':
      throw new Error(`the trial of agent ${to.version} is over: ${stand.phase}`);
    default:
      return unreachable(stand);
  }
}

async function tryOut(parts: ProofParts, trial: Trial, attempt: number): Promise<void> {
  // Enabled first: from the next line on a reboot has to find it.
  await parts.services.enable(TRIAL_UNIT);
  enter(parts, trial, { phase: 'trying', attempt });
  await stopAgent(parts);
  // Asked when nobody writes to the journals any more: an order may have come since the job looked.
  if (isAtWork(phaseOf(readJournals(parts.places)))) {
    enter(parts, trial, { phase: 'returning', why: null });
    return;
  }
  await startAgent(parts, trial.to);
  const why = await awaitProof(parts, trial);
  enter(parts, trial, why === null ? { phase: 'proven' } : { phase: 'returning', why });
}

async function goBack(parts: ProofParts, trial: Trial, why: string | null): Promise<void> {
  // Before anything that the service manager could fail at: whatever starts from here on is the old one.
  putAgent(parts.places, trial.from);
  await stopAgent(parts);
  await startAgent(parts, trial.from);
  const isBack = await comesBack(parts, trial.from);
  enter(parts, trial, why === null ? { phase: 'kept' } : { phase: 'returned', why, isBack });
}

async function comesBack(parts: ProofParts, { version }: Agent): Promise<boolean> {
  for (const until = parts.elapsed() + BACK_MS; parts.elapsed() < until;) {
    if (await isUp(parts, version)) return true;
    await parts.clock.sleep(LOOK_MS);
  }
  return false;
}

async function stopAgent({ services, clock, elapsed }: ProofParts): Promise<void> {
  const until = elapsed() + STOP_MS;
  await services.stop(AGENT_UNIT);
  for (;;) {
    const state = await services.activeState(AGENT_UNIT);
    if (state === 'inactive' || state === 'failed') return;
    if (elapsed() >= until) throw new Error(`${AGENT_UNIT} did not stop within ${STOP_MS / 1000} s: it is ${state}`);
    await clock.sleep(LOOK_MS);
  }
}

/** The marks go first, while no agent runs that could write them: what is found there afterwards is this start's. */
async function startAgent({ places, services }: ProofParts, agent: Agent): Promise<void> {
  for (const mark of [aliveMark(places), busMark(places)]) rmSync(mark, { force: true });
  putAgent(places, agent);
  await services.reload();
  await services.enable(AGENT_UNIT);
  await services.start(AGENT_UNIT);
}

/** Where a trial may go; over is over. */
const transitions = {
  waiting: ['trying'],
  trying: ['trying', 'returning', 'proven'],
  returning: ['kept', 'returned'],
  proven: [],
  kept: [],
  returned: [],
} as const satisfies Record<Stand['phase'], readonly Stand['phase'][]>;

function enter({ places }: ProofParts, { id }: Trial, stand: Stand): void {
  const trial = readTrial(places);
  assert(trial?.id === id, 'the trial that is gone on with stands');
  const allowed: readonly Stand['phase'][] = transitions[trial.stand.phase];
  assert(allowed.includes(stand.phase), `transition not allowed: ${trial.stand.phase} to ${stand.phase}`);
  writeTrial(places, { ...trial, stand });
}
