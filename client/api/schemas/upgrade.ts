import { z } from 'zod';
import { hostStates } from '../../../model/host.ts';
import {
  hopTransitions,
  standingTransitions,
  upgradeTransitions,
  type HostProgress,
  type MigrationRecord,
  type Progress,
  type ServiceStanding,
} from '../../../model/upgrade.ts';
import type { FoundUpgrade } from '../../find-upgrade.ts';
import { count, digest, fleetId, hostId, oneOf, reference, serviceId, stateIn, time, upgradeId } from './fields.ts';
import { nextCursor } from './page.ts';
import { policyRequestSchema } from './policy.ts';
import { decisionSchema, findingSchema, waitingSchema } from './progress-parts.ts';

const hostSchema: z.ZodType<HostProgress> = z
  .object({
    name: hostId,
    state: oneOf(hostStates),
    from: z.string().nullable().describe('Version before.'),
    to: z.string().nullable(),
    wave: z.string().nullable(),
    step: z.string().nullable().describe('At work now, such as `packages 2/5`.'),
    error: z.string().exactOptional(),
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'HostProgress', description: 'Where one host is in an upgrade.' });

const standingSchema: z.ZodType<ServiceStanding> = z
  .object({
    name: serviceId,
    image: z.string(),
    state: stateIn(standingTransitions),
    members: count.nullable(),
    error: z.string().exactOptional(),
  })
  .meta({ id: 'ServiceStanding', description: 'Where one service of the release is.' });

const migrationSchema: z.ZodType<MigrationRecord> = z
  .object({
    name: z.string(),
    hop: z.string().describe('Version of its hop.'),
    state: z.enum(['running', 'applied', 'alreadyApplied', 'failed', 'takenBack']),
    host: hostId.nullable(),
    exitCode: z.int().nullable(),
    output: z.string().describe('Its end.'),
  })
  .meta({ id: 'MigrationRecord', description: 'Where one migration, or a backup, is.' });

/** An upgrade as programs read it: `refit upgrades show --json`. */
export const upgradeSchema: z.ZodType<Progress> = z
  .object({
    id: upgradeId,
    fleet: fleetId,
    release: z.string().describe('`name version`.'),
    digest,
    state: stateIn(upgradeTransitions),
    phase: z.enum(['preflight', 'self-upgrade', 'download', 'install', 'services', 'migrations', 'verify', 'end']),
    hosts: z.array(hostSchema),
    hostsLeftOut: count.exactOptional().describe('Hosts that the record of an ended upgrade has no room for.'),
    services: z.array(standingSchema),
    hops: z.array(z.object({ to: z.string(), state: stateIn(hopTransitions) })),
    migrations: z.array(migrationSchema),
    checkpoints: z.array(z.string()).describe('Where a roll back can stop, the earliest first.'),
    forwardOnly: z.string().nullable().describe('Why it can’t go back to its start; null: it can.'),
    waiting: z.array(waitingSchema),
    findings: z.array(findingSchema),
    decisions: z.array(decisionSchema).describe('The latest.'),
    error: z.string().nullable(),
    startedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Upgrade', description: 'One run of a path of hops on a fleet.' });

/** An upgrade, or the run of one of a service, unit or container, as a list has it. */
export const foundSchema: z.ZodType<FoundUpgrade> = z
  .object({
    id: z.string(),
    runId: z.string().describe('Temporal’s own id of the run.'),
    isRunning: z.boolean(),
    release: z.string(),
    state: stateIn(upgradeTransitions),
    phase: z.string(),
    requestedBy: z.string(),
    startedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'FoundUpgrade', description: 'An upgrade in short.' });

export const upgradePageSchema = z
  .object({ upgrades: z.array(foundSchema), nextCursor })
  .meta({ id: 'UpgradePage', description: 'The fleet’s upgrades, the latest first.' });

export const upgradeRequestSchema = z
  .strictObject({
    reference,
    digest: digest.optional().describe('What the reference must mean; absent: whatever it means now.'),
    policy: policyRequestSchema.optional(),
    id: upgradeId.optional().describe('Name of the upgrade; absent: the API names it.'),
    tree: digest.optional().describe('Of a plan: another one than this is refused. Absent: what has to be done now.'),
  })
  .meta({ id: 'UpgradeRequest', description: 'Starts an upgrade of the fleet.' });

export type UpgradeRequest = z.output<typeof upgradeRequestSchema>;

/** Of long work: where it can be followed. */
export const startedSchema = z
  .object({
    id: upgradeId,
    href: z.string().describe('Its address, as in Location.'),
  })
  .meta({ id: 'Started', description: 'It has begun; follow it at its address.' });
