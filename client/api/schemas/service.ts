import { z } from 'zod';
import {
  defaultServicePolicy,
  memberTransitions,
  type MemberProgress,
  type Service,
  type ServicePolicy,
  type ServiceProgress,
  type ServiceStrategy,
} from '../../../model/service.ts';
import { upgradeTransitions } from '../../../model/upgrade.ts';
import type { ServiceStatus } from '../../service-status.ts';
import { healthFrom, healthRequestSchema, settingsSchema } from './container.ts';
import {
  amount,
  boundedCount,
  count,
  digest,
  durationMs,
  fleetId,
  hostId,
  reference,
  serviceId,
  stateIn,
  texts,
  time,
  upgradeId,
} from './fields.ts';
import { decisionSchema, findingSchema, waitingSchema } from './progress-parts.ts';
import { lookSchema, runSchema } from './run.ts';

const isSome = (value: z.infer<typeof amount>): boolean => ('hosts' in value ? value.hosts : value.percent) > 0;
const members = amount.refine(isSome, 'expected at least one member');

export const serviceStrategySchema: z.ZodType<ServiceStrategy, ServiceStrategy> = z.discriminatedUnion('strategy', [
  z.strictObject({ strategy: z.literal('inPlace') }),
  z.strictObject({ strategy: z.literal('phases'), size: members }),
  z.strictObject({ strategy: z.literal('allAtOnce') }),
]);

const policyRequest = z
  .strictObject({
    strategy: serviceStrategySchema
      .default({ strategy: 'inPlace' })
      .describe('One after another, a set at a time, or all at once.'),
    mode: z
      .enum(['inPlace', 'create', 'agent'])
      .default(defaultServicePolicy.mode)
      .describe('agent: each host’s agent does it, and `release` names the image.'),
    minAvailable: members.nullable().default(null),
    health: healthRequestSchema.optional(),
    drainMs: durationMs.default(defaultServicePolicy.drainMs),
    onFailure: z.enum(['pause', 'skip', 'rollback']).default(defaultServicePolicy.onFailure),
    maxFailures: amount.optional().describe('Default: none; with `skip`, all.'),
    keepOldMs: durationMs.default(0),
    environmentRetryMs: durationMs.default(defaultServicePolicy.environmentRetryMs),
    environmentRetries: boundedCount.min(1).default(defaultServicePolicy.environmentRetries),
  })
  .meta({ id: 'ServicePolicyRequest', description: 'How an upgrade goes through a service’s members.' });

export function servicePolicyFrom(request: z.output<typeof policyRequest> | undefined): ServicePolicy {
  if (request === undefined) return defaultServicePolicy;
  const { health, maxFailures, ...rest } = request;
  const budget = rest.onFailure === 'skip' ? { percent: 100 } : defaultServicePolicy.maxFailures;
  return { ...rest, health: healthFrom(health), maxFailures: maxFailures ?? budget };
}

export const serviceUpgradeRequestSchema = z
  .strictObject({
    image: reference,
    settings: settingsSchema.optional(),
    policy: policyRequest.optional(),
    release: reference
      .nullable()
      .optional()
      .describe('Mode `agent`: the release that the hosts have, which names the image.'),
    id: upgradeId.optional(),
  })
  .meta({ id: 'ServiceUpgradeRequest', description: 'Starts an upgrade of a service.' });

const memberSchema: z.ZodType<MemberProgress> = z
  .object({
    host: hostId,
    container: z.string(),
    state: stateIn(memberTransitions),
    stage: z.string().nullable(),
    from: z.string(),
    to: z.string().nullable(),
    error: z.string().exactOptional(),
    awayMs: z.number().nullable(),
  })
  .meta({ id: 'MemberProgress', description: 'Where one member is in an upgrade.' });

const memberCounts = z.object({
  Active: count.exactOptional(),
  Updating: count.exactOptional(),
  Failed: count.exactOptional(),
  RolledBack: count.exactOptional(),
});

export const serviceUpgradeSchema: z.ZodType<ServiceProgress> = z
  .object({
    id: upgradeId,
    fleet: fleetId,
    service: serviceId,
    image: z.string(),
    digest,
    state: stateIn(upgradeTransitions),
    phase: z.string().nullable().describe('Such as `2/3`.'),
    members: z.array(memberSchema),
    membersLeftOut: memberCounts.exactOptional(),
    waiting: z.array(waitingSchema),
    findings: z.array(findingSchema),
    decisions: z.array(decisionSchema),
    error: z.string().nullable(),
    startedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'ServiceUpgrade', description: 'The upgrade of one service.' });

export const serviceLookSchema = lookSchema(serviceUpgradeSchema, 'ServiceLook');
export const serviceRunSchema = runSchema(serviceLookSchema, 'ServiceRun');

const definitionSchema: z.ZodType<Service> = z.object({
  name: serviceId,
  selector: texts.describe('Labels of its members.'),
  balancer: z.object({ loadBalancer: z.string(), backend: z.string(), server: z.string() }).nullable(),
});

export const serviceStatusSchema: z.ZodType<ServiceStatus> = z
  .object({
    service: definitionSchema,
    members: z.array(
      z.object({
        host: hostId,
        container: z.string(),
        state: stateIn(memberTransitions),
        running: z.boolean(),
        image: z.string(),
        imageId: z.string(),
        server: z
          .object({ name: z.string(), state: z.enum(['ready', 'drain', 'maintenance']), healthy: z.boolean() })
          .nullable()
          .describe('Of the load balancer.'),
      }),
    ),
    problems: z.array(z.string()).describe('What could not be seen, and of what therefore nothing is said.'),
  })
  .meta({ id: 'ServiceStatus', description: 'A service as its hosts’ engines, the bus and its load balancer say.' });

export const serviceListSchema = z
  .object({ services: z.array(serviceId) })
  .meta({ id: 'ServiceList', description: 'Services that the fleet file names.' });
