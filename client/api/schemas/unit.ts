import { z } from 'zod';
import { slots, type UnitPolicy, type UnitRelease } from '../../../model/unit.ts';
import {
  unitStepTransitions,
  unitSteps,
  type JobRecord,
  type UnitMemberProgress,
  type UnitProgress,
  type UnitStepProgress,
} from '../../../model/unit-upgrade.ts';
import { defaultUnitPolicy } from '../../../model/unit.ts';
import { upgradeTransitions } from '../../../model/upgrade.ts';
import type { UnitStatus } from '../../unit-status.ts';
import {
  boundedCount,
  count,
  digest,
  durationMs,
  fleetId,
  hostId,
  oneOf,
  reason,
  reference,
  serviceId,
  stateIn,
  time,
  unitId,
  upgradeId,
} from './fields.ts';
import { decisionSchema, findingSchema, waitingSchema } from './progress-parts.ts';
import { lookSchema, runSchema } from './run.ts';

const slot = oneOf(slots);
const slotOrShared = oneOf([...slots, 'shared'] as const);

const policyRequest = z
  .strictObject({
    approval: z.boolean().optional().describe('Ask before the cutover.'),
    soak: z
      .strictObject({
        durationMs: durationMs.optional(),
        maxErrorRate: z.number().min(0).max(1).nullable().optional().describe('null: no rate is looked at.'),
        minRequests: boundedCount.optional(),
        windowMs: durationMs.optional(),
        unhealthyMs: durationMs.optional(),
      })
      .optional(),
    keepMs: durationMs.optional().describe('How long the earlier slot is kept warm after the soak.'),
    drainMs: durationMs.optional(),
    confirmMs: durationMs.optional(),
    onFailure: z.enum(['rollback', 'keep', 'pause']).optional(),
  })
  .meta({
    id: 'UnitPolicyRequest',
    description: 'How a unit goes to its other slot; what is left out is as the release says.',
  });

/** The release's policy, with what the operator says laid over it. */
export function unitPolicyFrom(
  { soak, ...ofRelease }: UnitRelease['policy'],
  { soak: asked = {}, ...request }: z.output<typeof policyRequest> = {},
): UnitPolicy {
  return {
    approval: request.approval ?? ofRelease.approval,
    soak: {
      durationMs: asked.durationMs ?? soak.durationMs,
      maxErrorRate: asked.maxErrorRate === undefined ? soak.maxErrorRate : asked.maxErrorRate,
      minRequests: asked.minRequests ?? soak.minRequests,
      windowMs: asked.windowMs ?? soak.windowMs,
      unhealthyMs: asked.unhealthyMs ?? soak.unhealthyMs,
    },
    keepMs: request.keepMs ?? ofRelease.keepMs,
    drainMs: request.drainMs ?? ofRelease.drainMs,
    confirmMs: request.confirmMs ?? ofRelease.confirmMs,
    onFailure: request.onFailure ?? defaultUnitPolicy.onFailure,
  };
}

export const unitUpgradeRequestSchema = z
  .strictObject({
    reference,
    digest: digest.optional().describe('What the reference must mean; absent: whatever it means now.'),
    policy: policyRequest.optional(),
    id: upgradeId.optional(),
  })
  .meta({
    id: 'UnitUpgradeRequest',
    description: 'Installs the unit’s other slot, tests it, and sends the requests to it.',
  });

export const standbyDeletionSchema = z.strictObject({ reason: reason.optional(), id: upgradeId.optional() }).meta({
  id: 'StandbyDeletion',
  description: 'Removes the slot that takes no requests, of a unit without an upgrade at work.',
});

const stepSchema: z.ZodType<UnitStepProgress> = z.object({
  name: oneOf(unitSteps),
  state: stateIn(unitStepTransitions),
  detail: z.string().nullable(),
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
});

const memberSchema: z.ZodType<UnitMemberProgress> = z.object({
  host: hostId,
  container: z.string(),
  service: serviceId,
  slot: slotOrShared,
  state: z.enum(['planned', 'created', 'starting', 'healthy', 'failed', 'removed']),
  error: z.string().exactOptional(),
});

const jobSchema: z.ZodType<JobRecord> = z.object({
  name: z.string(),
  state: z.enum(['running', 'succeeded', 'failed']),
  exitCode: z.int().nullable(),
  output: z.string().describe('Its last lines, without any secret.'),
});

export const unitUpgradeSchema: z.ZodType<UnitProgress> = z
  .object({
    id: upgradeId,
    fleet: fleetId,
    unit: unitId,
    release: z.string().nullable(),
    digest: digest.nullable(),
    state: stateIn(upgradeTransitions),
    step: oneOf(unitSteps).nullable(),
    active: slot.nullable().describe('Takes the requests.'),
    standby: slot.nullable(),
    steps: z.array(stepSchema),
    members: z.array(memberSchema),
    jobs: z.array(jobSchema),
    traffic: z.object({ requests: count, errors: count }).nullable(),
    keptUntil: time.nullable(),
    waiting: z.array(waitingSchema),
    findings: z.array(findingSchema),
    decisions: z.array(decisionSchema),
    error: z.string().nullable(),
    startedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'UnitUpgrade', description: 'The upgrade of one unit.' });

export const unitLookSchema = lookSchema(unitUpgradeSchema, 'UnitLook');
export const unitRunSchema = runSchema(unitLookSchema, 'UnitRun');

export const unitStatusSchema: z.ZodType<UnitStatus> = z
  .object({
    unit: unitId,
    containers: z.array(
      z.object({
        slot: slotOrShared.nullable(),
        service: z.string(),
        host: hostId,
        container: z.string(),
        running: z.boolean(),
        image: z.string(),
        version: z.string().nullable(),
        address: z.string(),
      }),
    ),
    balancer: z
      .object({
        loadBalancer: z.string(),
        active: oneOf([...slots, 'unset', 'mixed'] as const).nullable(),
        servers: z.array(
          z.object({
            slot,
            service: serviceId,
            container: z.string().nullable(),
            name: z.string(),
            state: z.enum(['ready', 'drain', 'maintenance']),
            health: z.enum(['up', 'down', 'starting', 'unchecked']),
            sessions: count,
            address: z.string(),
          }),
        ),
      })
      .nullable(),
    problems: z.array(z.string()).describe('What could not be seen, and of what therefore nothing is said.'),
  })
  .meta({ id: 'UnitStatus', description: 'A unit as its hosts’ engines and its load balancer say.' });

export const unitListSchema = z
  .object({ units: z.array(unitId) })
  .meta({ id: 'UnitList', description: 'Units that the fleet file names.' });
