import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';

/** An agent, as it is started: its program's version, its configuration and its unit. */
const Agent = z.object({ version: z.string().min(1), config: z.string(), unit: z.string() });
export type Agent = Readonly<z.infer<typeof Agent>>;

/**
 * waiting: nothing is switched yet · trying: the new agent is to prove itself; which attempt it is · returning: the old one is
 * to run again; why, null: a host at work is not disturbed · proven, kept, returned: over
 */
const Stand = z.discriminatedUnion('phase', [
  z.object({ phase: z.literal('waiting') }),
  z.object({ phase: z.literal('trying'), attempt: z.int().positive() }),
  z.object({ phase: z.literal('returning'), why: z.string().nullable() }),
  z.object({ phase: z.literal('proven') }),
  z.object({ phase: z.literal('kept') }),
  /** isBack: the old one has read its journals since. */
  z.object({ phase: z.literal('returned'), why: z.string(), isBack: z.boolean() }),
]);
export type Stand = Readonly<z.infer<typeof Stand>>;

/** Read by the program of the agent before: what is added later has to be optional, or get another program's name. */
const Trial = z.object({
  v: z.literal(1),
  /** Tells one trial from the next. */
  id: z.string(),
  from: Agent,
  to: Agent,
  /** journals: it has read them · bus: it has seen its sign of life there, too. */
  proof: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('journals') }),
    z.object({ kind: z.literal('bus'), endpoints: z.array(z.string()).readonly() }),
  ]),
  proofMs: z.number().positive(),
  /** Whether the old agent ran when the trial was asked for. */
  wasActive: z.boolean(),
  stand: Stand,
});
export type Trial = Readonly<z.infer<typeof Trial>>;
export type Over = Extract<Stand, { phase: 'proven' | 'kept' | 'returned' }>;

export const trialFile = (places: Places): string => join(places.state, 'agent-trial.json');

/** null: there never was one, or nobody can say what it was; it is replaced whole, so half a file is none of ours. */
export function readTrial(places: Places): Trial | null {
  const path = trialFile(places);
  if (!existsSync(path)) return null;
  try {
    return Trial.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}

/** On the disk when it returns: whoever resumes after a kill or a power cut goes on from here. */
export function writeTrial(places: Places, trial: Trial): void {
  writeDurably(trialFile(places), `${JSON.stringify(trial, null, 1)}\n`, 0o600);
}

/** null: it is not over. */
export function overOf({ stand }: Trial): Over | null {
  return stand.phase === 'proven' || stand.phase === 'kept' || stand.phase === 'returned' ? stand : null;
}

/** null: none is asked for that is not over. */
export function standingTrial(places: Places): Trial | null {
  const trial = readTrial(places);
  return trial === null || overOf(trial) !== null ? null : trial;
}

/** Whether the host may be between two agents now. */
export const isUnderWay = (trial: Trial | null): trial is Trial =>
  trial !== null && (trial.stand.phase === 'trying' || trial.stand.phase === 'returning');
