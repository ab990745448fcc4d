import { statSync } from 'node:fs';
import type { ServiceManager } from '../../drivers/systemd.ts';
import type { Clock } from '../../model/ports.ts';
import { AGENT_UNIT } from '../download/unit-file.ts';
import { aliveMark, busMark, type Places } from '../places.ts';
import { readText } from './put-agent.ts';
import { isBusThere } from './reach.ts';
import type { Trial } from './trial.ts';

/** How often the marks are looked at: two small files; ms. */
const LOOK_MS = 50;
/** How long a proof has to stand without a new start of the agent: what crashes soon after its start is not proven; ms. */
const STEADY_MS = 1_000;
/** How long a bus that is away from the whole host is waited for, in one attempt, before the old agent is taken back; ms. */
export const BUS_AWAY_MS = 300_000;
/** How often the bus is tried beside the agent; ms. */
const WITNESS_MS = 1_000;

export type ProofParts = {
  readonly places: Places;
  readonly services: ServiceManager;
  readonly clock: Clock;
  /** ms that no clock's setting moves; `clock` only sleeps. */
  readonly elapsed: () => number;
};

/** silent: it does not run, or has not read its journals · cutOff: only the bus is missing · there: as it should be */
type Look = 'silent' | 'cutOff' | 'there';
/** The start of the agent that is proven, and since when it has been. */
type Steady = { readonly start: string; readonly since: number } | null;
type Left = { readonly proofMs: number; readonly awayMs: number };

/**
 * Waits for the new agent's proof; null: it is there, else why not.
 *
 * 1. Its mark says that it has read the journals, and its unit is active; both still after STEADY_MS, with no start in between.
 * 2. Where there is a bus, it has seen its own sign of life there.
 * 3. Time in which no endpoint of the bus takes a connection is not the agent's: it has a bound of its own, and is no proof.
 */
export async function awaitProof(parts: ProofParts, trial: Trial): Promise<string | null> {
  const witness = createWitness(parts, trial);
  let left: Left = { proofMs: trial.proofMs, awayMs: BUS_AWAY_MS };
  let steady: Steady = null;
  for (let last = parts.elapsed(); left.proofMs > 0 && left.awayMs > 0;) {
    const seen = await look(parts, trial);
    const isAway = seen === 'cutOff' && (await witness());
    const now = parts.elapsed();
    left = spend(left, now - last, isAway);
    last = now;
    const start = seen === 'there' ? startOf(parts.places) : null;
    steady = stillSteady(steady, start, now);
    if (steady !== null && now - steady.since >= STEADY_MS) return null;
    await parts.clock.sleep(LOOK_MS);
  }
  return whyNot(parts, trial, left);
}

function stillSteady(before: Steady, start: string | null, now: number): Steady {
  if (start === null) return null;
  return before?.start === start ? before : { start, since: now };
}

const spend = ({ proofMs, awayMs }: Left, ms: number, isAway: boolean): Left =>
  isAway ? { proofMs, awayMs: awayMs - ms } : { proofMs: proofMs - ms, awayMs };

export async function isUp({ places, services }: ProofParts, version: string): Promise<boolean> {
  return readText(aliveMark(places)) === version && (await services.activeState(AGENT_UNIT)) === 'active';
}

async function look(parts: ProofParts, { to, proof }: Trial): Promise<Look> {
  if (!(await isUp(parts, to.version))) return 'silent';
  return proof.kind === 'journals' || readText(busMark(parts.places)) === to.version ? 'there' : 'cutOff';
}

/** Each start of an agent replaces the mark's file. */
function startOf(places: Places): string | null {
  const mark = statSync(aliveMark(places), { throwIfNoEntry: false });
  return mark === undefined ? null : `${mark.ino} ${mark.mtimeMs}`;
}

/** Says whether the bus is away from this host, and tries it at most once in WITNESS_MS. */
function createWitness({ elapsed }: ProofParts, { proof }: Trial): () => Promise<boolean> {
  const endpoints = proof.kind === 'bus' ? proof.endpoints : [];
  let isAway = false;
  let askedAt: number | null = null;
  return async () => {
    if (askedAt !== null && elapsed() - askedAt < WITNESS_MS) return isAway;
    isAway = !(await isBusThere(endpoints));
    askedAt = elapsed();
    return isAway;
  };
}

async function whyNot(parts: ProofParts, trial: Trial, left: Left): Promise<string> {
  const agent = `agent ${trial.to.version}`;
  const seconds = Math.round(trial.proofMs / 1000);
  if (left.awayMs <= 0) {
    return `the bus was away from this host for ${BUS_AWAY_MS / 1000} s, so that ${agent} could not prove itself`;
  }
  if ((await look(parts, trial)) !== 'silent') {
    return `${agent} did not prove itself within ${seconds} s: it came up, but showed no life on the bus, which takes connections`;
  }
  const state = await parts.services.activeState(AGENT_UNIT);
  return `${agent} did not come up within ${seconds} s: ${AGENT_UNIT} is ${state}`;
}
