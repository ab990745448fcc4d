import { z } from 'zod';
import { agentPhases, isSettled, type AgentPhase } from '../model/agent-phase.ts';
import { isName, parseStepId } from '../model/ids.ts';
import type { LocalLine, LocalReport } from '../model/local-job.ts';

const step = z.string().refine(isName).transform(parseStepId);
const phase = z.custom<AgentPhase>((value) => agentPhases.some((known) => known === value));
const message = z.string();

const Line = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('release'),
    name: z.string(),
    version: z.string(),
    from: z.string().nullable(),
    images: z.array(z.string()),
    deadlineMs: z.number().positive(),
    diskFreeBytes: z.number().nonnegative(),
    left: z.object({ migrations: z.array(z.string()), services: z.array(z.string()) }),
  }),
  z.object({ event: z.literal('refused'), message }),
  z.object({ event: z.literal('progress'), bytes: z.number(), total: z.number() }),
  z.object({ event: z.literal('done'), agent: z.string() }),
  z.object({
    event: z.literal('report'),
    phase,
    step: z.object({ id: step, index: z.number(), count: z.number(), attempt: z.number() }).nullable(),
    refused: z.string().nullable(),
    error: z.object({ step: step.nullable(), kind: z.enum(['failed', 'unhealthy', 'deadline']), message }).nullable(),
    startedAt: z.number(),
    finishedAt: z.number().nullable(),
  }),
  z.object({ event: z.literal('failed'), message }),
]);

/** null: not a line of ours, such as a warning of the runtime. */
export function parseLocalLine(text: string): LocalLine | null {
  try {
    return Line.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    // No JSON, so not ours.
    return null;
  }
}

/** The agent has nothing left to do for the order. */
export const isOver = ({ refused, phase: at, finishedAt }: LocalReport): boolean =>
  refused !== null || (isSettled(at) && finishedAt !== null);
