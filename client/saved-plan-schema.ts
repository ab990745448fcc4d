import { z } from 'zod';
import { parseDigest } from '../model/ids.ts';
import { MAX_HOPS } from '../model/plan.ts';
import { policySchema } from './api/schemas/policy.ts';

/** Version field of every saved plan. */
export const PLAN_VERSION = 1;

const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, { error: 'expected a digest such as sha256:<64 hex digits>', abort: true })
  .transform(parseDigest);
const count = z.int().nonnegative();
const host = z.object({ name: z.string(), from: z.string().nullable() });
const wave = z.object({
  name: z.string(),
  maxUnavailable: count,
  start: z.enum(['now', 'baton']),
  gatekeeper: z.boolean(),
  hosts: z.array(host),
});
/** What a step brings is compared as a whole. */
const step = z.object({ id: z.string(), type: z.string(), to: z.unknown().optional() });
/** Compared as a whole: what it says besides its name is not looked at here. */
const part = z.looseObject({ name: z.string() });
const hop = z.object({
  to: z.string(),
  release: z.object({ digest }),
  risks: z.array(part),
  steps: z.array(step),
  waves: z.array(wave),
  alreadyThere: z.array(host),
  services: z.array(part),
  migrations: z.array(part),
  hasBackup: z.boolean(),
});

/** What `refit plan --save` writes, as far as it is read again. */
export const savedPlan = z.object({
  v: z.literal(PLAN_VERSION),
  reference: z.string().min(1),
  digest,
  fleet: z.string(),
  policy: policySchema,
  tree: digest,
  hops: z.array(hop).min(1).max(MAX_HOPS),
  madeAt: z.iso.datetime({ error: 'expected a time such as 2026-01-02T03:04:05.000Z' }),
});

export type SavedPlan = z.infer<typeof savedPlan>;
export type SavedHop = SavedPlan['hops'][number];
