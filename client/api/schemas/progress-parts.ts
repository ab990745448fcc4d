import { z } from 'zod';
import type { Decision, Finding, Waiting } from '../../../model/upgrade.ts';
import { hostId, time } from './fields.ts';

/** Parts that the progress of everything has: fleets, services, containers, units. */
export const waitingSchema: z.ZodType<Waiting> = z
  .object({
    what: z.string(),
    host: hostId.nullable(),
    since: time,
    until: time.nullable().describe('null: until somebody acts.'),
    movedOnBy: z.string().describe('Who or what can move it on, with the command where there is one.'),
  })
  .meta({ id: 'Waiting', description: 'What an upgrade waits for.' });

export const findingSchema: z.ZodType<Finding> = z
  .object({
    host: hostId.nullable().describe('null: of the whole fleet.'),
    severity: z.enum(['error', 'warning']),
    what: z.string(),
    remedy: z.string().describe('What to do next.'),
  })
  .meta({ id: 'Finding', description: 'What preflight found; an error stops an upgrade before any host is touched.' });

export const decisionSchema: z.ZodType<Decision> = z
  .object({
    at: time,
    rule: z.string(),
    decision: z.string(),
    because: z.string(),
    by: z.string().describe('A person, or `policy`.'),
  })
  .meta({ id: 'Decision', description: 'One decision, with what it was based on.' });
