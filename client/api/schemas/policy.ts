import { z } from 'zod';
import { defaultPolicy, type InstallStrategy, type Policy } from '../../../model/policy.ts';
import { amount, boundedCount, count, durationMs } from './fields.ts';

/** Most waves that a policy sizes; the last size repeats. */
const MAX_WAVE_SIZES = 64;
/** Most risks that one upgrade accepts: its policy is recorded with it. */
export const MAX_RISKS = 32;
const MAX_RISK_LENGTH = 200;

const isSome = (value: z.infer<typeof amount>): boolean => ('hosts' in value ? value.hosts : value.percent) > 0;
const waveSize = amount.refine(isSome, 'expected a wave of at least one host');

export const installSchema: z.ZodType<InstallStrategy, InstallStrategy> = z
  .discriminatedUnion('strategy', [
    z.strictObject({ strategy: z.literal('serial') }),
    z.strictObject({ strategy: z.literal('daisy-chain') }),
    z.strictObject({
      strategy: z.literal('waves'),
      sizes: z.array(waveSize).min(1).max(MAX_WAVE_SIZES).describe('The last one repeats.'),
      maxUnavailable: amount
        .nullable()
        .describe('Most hosts of a wave that are out of service at once; null: all of it.'),
    }),
  ])
  .meta({
    id: 'InstallStrategy',
    description: 'How hosts go: one by one, in waves, or handing the turn on among themselves.',
  });

const onFailure = z.enum(['pause', 'skip', 'rollback']).describe('What a failed host leads to.');
const risk = z.string().min(1).max(MAX_RISK_LENGTH).regex(/\S/, 'expected the name of a risk');

const fields = {
  install: installSchema,
  onFailure,
  maxFailures: amount.describe('Hosts of the whole fleet that may fail before `skip` pauses.'),
  maxParallelDownloads: boundedCount.min(1),
  downloadByteLimit: count,
  diskFloorBytes: count,
  downloadDeadlineMs: durationMs,
  hostDeadlineMs: durationMs,
  silenceMs: durationMs,
  environmentRetryMs: durationMs,
  environmentRetries: boundedCount.min(1),
  step: z.boolean().describe('Ask before each wave, and between hops.'),
  acceptRisks: z.array(risk).max(MAX_RISKS),
  pointsOfNoReturn: z.enum(['ask', 'pass']).describe('Before a migration that has no way back.'),
};

/** All of it. Strict: a field that is not known here would be without effect, and nobody would hear of it. */
export const policySchema: z.ZodType<Policy, Policy> = z
  .strictObject(fields)
  .meta({ id: 'Policy', description: 'How an upgrade goes through the fleet, and what happens when a host fails.' });

/** What a request says of it; the rest is as by default. */
export const policyRequestSchema = z
  .strictObject({
    install: fields.install.default(defaultPolicy.install),
    onFailure: fields.onFailure.default(defaultPolicy.onFailure),
    maxFailures: fields.maxFailures.optional().describe('Default: none; with `skip`, all.'),
    maxParallelDownloads: fields.maxParallelDownloads.default(defaultPolicy.maxParallelDownloads),
    downloadByteLimit: fields.downloadByteLimit.default(defaultPolicy.downloadByteLimit),
    diskFloorBytes: fields.diskFloorBytes.default(defaultPolicy.diskFloorBytes),
    downloadDeadlineMs: fields.downloadDeadlineMs.default(defaultPolicy.downloadDeadlineMs),
    hostDeadlineMs: fields.hostDeadlineMs.default(defaultPolicy.hostDeadlineMs),
    silenceMs: fields.silenceMs.default(defaultPolicy.silenceMs),
    environmentRetryMs: fields.environmentRetryMs.default(defaultPolicy.environmentRetryMs),
    environmentRetries: fields.environmentRetries.default(defaultPolicy.environmentRetries),
    step: fields.step.default(defaultPolicy.step),
    acceptRisks: fields.acceptRisks.default([]),
    pointsOfNoReturn: fields.pointsOfNoReturn.default(defaultPolicy.pointsOfNoReturn),
  })
  .meta({
    id: 'PolicyRequest',
    description: 'How an upgrade goes through the fleet; what is left out is as by default.',
  });

/** Who asks for `skip` and sets no budget wants every host that fails skipped. */
export function policyFrom(request: z.output<typeof policyRequestSchema> | undefined): Policy {
  if (request === undefined) return defaultPolicy;
  const { maxFailures, ...rest } = request;
  return {
    ...rest,
    maxFailures: maxFailures ?? (rest.onFailure === 'skip' ? { percent: 100 } : defaultPolicy.maxFailures),
  };
}
