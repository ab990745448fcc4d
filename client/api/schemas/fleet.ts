import { z } from 'zod';
import { agentPhases } from '../../../model/agent-phase.ts';
import type { FleetDescription } from '../../fleet-client.ts';
import type { HostStatus } from '../../fleet-status.ts';
import { fleetId, hostId, oneOf, serviceId, texts, time, unitId } from './fields.ts';
import { nextCursor } from './page.ts';

export const fleetSchema: z.ZodType<FleetDescription> = z
  .object({
    fleet: fleetId,
    hosts: z.array(z.object({ name: hostId, labels: texts })),
    services: z.array(serviceId),
    units: z.array(unitId),
    ui: z.string().nullable().describe('Temporal’s Web UI.'),
  })
  .meta({ id: 'Fleet', description: 'What the fleet file says.' });

export const fleetListSchema = z
  .object({ fleets: z.array(z.object({ fleet: fleetId, href: z.string() })) })
  .meta({ id: 'FleetList', description: 'Fleets that the token may see.' });

/** A line of `refit fleet status --json`. */
export const hostSchema: z.ZodType<HostStatus> = z
  .object({
    name: hostId,
    version: z.string().nullable().describe('The platform’s version on it; null: none that refit installed.'),
    release: z.string().nullable().describe('`name version`.'),
    state: oneOf([...agentPhases, 'unknown'] as const).describe('Where its agent is.'),
    agent: z.string().nullable(),
    kernel: z.string().nullable(),
    engine: z.string().nullable().describe('Version of the Docker Engine; null: it doesn’t answer.'),
    // APIs of before kernels and engines were upgraded.
    measured: texts.default({}).describe('Kernel, engine, and containers kept, as its last upgrade measured them.'),
    alive: z.boolean(),
    lastReportAt: time.nullable(),
  })
  .meta({ id: 'Host', description: 'A host as its agent and its engine say.' });

export const hostPageSchema = z
  .object({ hosts: z.array(hostSchema), nextCursor })
  .meta({ id: 'HostPage', description: 'The fleet’s hosts, in the fleet file’s order.' });
