import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ServiceManager } from '../../drivers/systemd.ts';
import type { Clock } from '../../model/ports.ts';
import { writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';
import { BUS_AWAY_MS } from '../trial/proof.ts';
import { BACK_MS, MAX_ATTEMPTS, STOP_MS } from '../trial/run-trial.ts';
import { overOf, readTrial, standingTrial, writeTrial, type Trial } from '../trial/trial.ts';
import { TRIAL_UNIT, trialUnitFile } from '../trial/unit-file.ts';

/** Longest from the order to start the trial's program until it has written that it began; ms. */
const BEGIN_MS = 30_000;
/** Longest until a program that did not begin has ended, so that the trial can be taken back; ms. */
const END_MS = 30_000;
const LOOK_MS = 50;

export type TrialRequest = {
  readonly places: Places;
  readonly services: ServiceManager;
  readonly clock: Clock;
  readonly proof: Trial['proof'];
  readonly proofMs: number;
};
type Pair = Pick<Trial, 'from' | 'to' | 'wasActive'>;

/**
 * Writes down what is to be tried, and has the host try it. Until its program begins nothing is switched, nor resumed after a
 * reboot. null: meanwhile another job has begun one.
 */
export async function beginTrial(request: TrialRequest, pair: Pair): Promise<Trial | null> {
  const { places, services, proof, proofMs } = request;
  const trial: Trial = { v: 1, id: randomUUID(), ...pair, proof, proofMs, stand: { phase: 'waiting' } };
  if (standingTrial(places) !== null) return null;
  writeDurably(join(places.units, TRIAL_UNIT), trialUnitFile(places, trial));
  await services.reload();
  if (standingTrial(places) !== null) return null;
  writeTrial(places, trial);
  // Started anew: the program of the trial before may be about to end, and would not see this one.
  await services.restart(TRIAL_UNIT);
  return trial;
}

/** Waits until the trial is over. Throws when its program does not begin; then the trial is taken back, and nothing was changed. */
export async function followTrial(request: TrialRequest, trial: Trial): Promise<Trial> {
  const { clock } = request;
  const startedAt = clock.now();
  const until = startedAt + MAX_ATTEMPTS * (trial.proofMs + BUS_AWAY_MS + STOP_MS) + STOP_MS + BACK_MS;
  for (;;) {
    const seen = readOwn(request, trial);
    if (overOf(seen) !== null) return seen;
    const now = clock.now();
    if (seen.stand.phase === 'waiting' && now >= startedAt + BEGIN_MS) return takeBack(request, trial);
    if (now >= until) throw new Error(`the trial of agent ${trial.to.version} is not over in time; ${LOOK_THERE}`);
    await clock.sleep(LOOK_MS);
  }
}

const LOOK_THERE = `look on the host: journalctl -u ${TRIAL_UNIT}`;

function readOwn({ places }: TrialRequest, { id, to }: Trial): Trial {
  const seen = readTrial(places);
  if (seen?.id === id) return seen;
  throw new Error(`the trial of agent ${to.version} was followed by another one; nobody follows it any more`);
}

/** Its program is ended before the file is looked at for the last time, so that it can't begin behind our back. */
async function takeBack(request: TrialRequest, trial: Trial): Promise<Trial> {
  const { places, services, clock } = request;
  const state = await services.activeState(TRIAL_UNIT);
  await services.stop(TRIAL_UNIT);
  for (const until = clock.now() + END_MS; clock.now() < until;) {
    const now = await services.activeState(TRIAL_UNIT);
    if (now === 'inactive' || now === 'failed') break;
    await clock.sleep(LOOK_MS);
  }
  const seen = readOwn(request, trial);
  if (seen.stand.phase !== 'waiting') {
    await services.start(TRIAL_UNIT);
    return followTrial(request, seen);
  }
  const why = `the trial of agent ${trial.to.version} did not begin within ${BEGIN_MS / 1000} s: ${TRIAL_UNIT} is ${state}; ${LOOK_THERE}`;
  const over: Trial = { ...seen, stand: { phase: 'returned', why, isBack: true } };
  writeTrial(places, over);
  return over;
}
