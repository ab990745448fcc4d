import { z } from 'zod';
import type { Estimate } from '../../estimate.ts';
import type { PlannedFleet } from '../../fleet-client.ts';
import type { Hop, PlannedHost, PlannedService, PlannedStep, Wave } from '../../../model/plan.ts';
import { count, digest, fleetId, hostId, reference, serviceId } from './fields.ts';
import { policyRequestSchema, policySchema } from './policy.ts';
import { findingSchema } from './progress-parts.ts';
import { releaseRefSchema } from './release.ts';
import { serviceStrategySchema } from './service.ts';

export const planRequestSchema = z
  .strictObject({ reference, policy: policyRequestSchema.optional() })
  .meta({ id: 'PlanRequest', description: 'What would be done; nothing is started.' });

const hostSchema: z.ZodType<PlannedHost> = z.object({
  name: hostId,
  from: z.string().nullable(),
  kernel: z.string().exactOptional().describe('That runs now; only where the hop brings another.'),
  engine: z.string().exactOptional().describe('Its package and version now; only where the hop brings another.'),
});

const stepSchema: z.ZodType<PlannedStep> = z.object({
  id: z.string(),
  type: z.enum(['files', 'packages', 'unit', 'run', 'reboot', 'container', 'kernel', 'engine']),
  to: z
    .union([
      z.strictObject({ kernel: z.string() }),
      z.strictObject({ engine: z.record(z.string(), z.string()).describe('Version by package.') }),
    ])
    .exactOptional(),
});

const waveSchema: z.ZodType<Wave> = z
  .object({
    name: z.string(),
    maxUnavailable: count,
    start: z.enum(['now', 'baton']),
    gatekeeper: z.boolean(),
    hosts: z.array(hostSchema),
  })
  .meta({ id: 'Wave', description: 'Hosts that go together.' });

const serviceSchema: z.ZodType<PlannedService> = z.object({
  name: serviceId,
  image: z.string(),
  strategy: serviceStrategySchema,
  mode: z.enum(['inPlace', 'create', 'agent']),
  compatible: z.boolean(),
  infrastructure: z.boolean(),
});

/** Fields in the planner's order, so that a plan is the same text with and without an API. */
const hopSchema: z.ZodType<Hop> = z
  .object({
    to: z.string(),
    release: releaseRefSchema,
    risks: z.array(z.object({ name: z.string(), reason: z.string() })),
    steps: z.array(stepSchema),
    downloadBytes: count.describe('Of each host.'),
    services: z.array(serviceSchema),
    migrations: z.array(
      z.object({
        name: z.string(),
        when: z.enum(['expand', 'contract']),
        hasDown: z.boolean(),
        isPointOfNoReturn: z.boolean(),
      }),
    ),
    hasBackup: z.boolean(),
    images: z.array(z.object({ image: z.string(), sizeBytes: count.nullable() })),
    waves: z.array(waveSchema),
    alreadyThere: z.array(hostSchema),
  })
  .meta({ id: 'Hop', description: 'One supported jump from a version to the next.' });

const estimateSchema: z.ZodType<Estimate> = z
  .discriminatedUnion('estimate', [
    z.object({
      estimate: z.literal('known'),
      installMs: count,
      hops: z.array(z.object({ to: z.string(), turns: count, installMs: count })),
      hostMs: count,
      hosts: count,
      upgrades: z.array(z.string()),
    }),
    z.object({ estimate: z.literal('none'), because: z.string() }),
  ])
  .meta({ id: 'Estimate', description: 'How long the installs will take, by what earlier upgrades took.' });

/** `refit plan --json`. */
export const planSchema: z.ZodType<PlannedFleet> = z
  .object({
    fleet: fleetId,
    release: releaseRefSchema,
    policy: policySchema,
    hops: z.array(hopSchema),
    tree: digest.describe('Of what would be done: an upgrade that is started with it does that and nothing else.'),
    findings: z.array(findingSchema),
    selfUpgrade: z
      .object({
        upgrader: z.object({ image: z.string(), hosts: z.array(hostId) }).nullable(),
        agents: z.object({ to: z.string(), hosts: count }).nullable(),
      })
      .exactOptional()
      .describe('What goes first of refit itself.'),
    reference: z.string(),
    estimate: estimateSchema,
  })
  .meta({ id: 'Plan', description: 'The whole tree, before anything runs.' });
