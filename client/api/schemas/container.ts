import { z } from 'zod';
import type { ContainerProgress, ContainerUpgrade } from '../../../model/container-upgrade.ts';
import type { ContainerHealth, ContainerProbe, ContainerSettings } from '../../../model/replacement.ts';
import { defaultServicePolicy, memberTransitions } from '../../../model/service.ts';
import {
  containerName,
  count,
  digest,
  durationMs,
  fleetId,
  hostId,
  MAX_REFERENCE_LENGTH,
  stateIn,
  time,
  upgradeId,
} from './fields.ts';
import { waitingSchema } from './progress-parts.ts';
import { lookSchema, runSchema } from './run.ts';

/** Longest word of a command, value or path; characters. */
const MAX_WORD_LENGTH = 4_096;
const MAX_WORDS = 256;
const MAX_CPUS = 1_024;

/** What engines and kernels take for the end of a text is in none. */
const word = z
  .string()
  .max(MAX_WORD_LENGTH)
  .refine((text) => !text.includes('\0'), 'expected a text without NUL');
const words = z.array(word).max(MAX_WORDS);
const name = z
  .string()
  .min(1)
  .max(MAX_WORD_LENGTH)
  .regex(/^[ -<>-~]+$/, 'expected a name');
const names = z.array(name).max(MAX_WORDS);
const pairs = z
  .record(name, word)
  .refine((all) => Object.keys(all).length <= MAX_WORDS, `expected at most ${MAX_WORDS}`);

/** Laid over what is there; what is absent stays. */
export const settingsSchema: z.ZodType<ContainerSettings, ContainerSettings> = z
  .strictObject({
    command: words.exactOptional(),
    entrypoint: words.exactOptional().describe('One empty word resets the image’s.'),
    env: pairs.exactOptional().describe('Recorded with the upgrade; for secrets there is `envFile`.'),
    unsetEnv: names.exactOptional(),
    labels: pairs.exactOptional(),
    unsetLabels: names.exactOptional(),
    memoryBytes: count.exactOptional(),
    cpus: z.number().positive().max(MAX_CPUS).exactOptional(),
    restart: z.enum(['no', 'always', 'unless-stopped', 'on-failure']).exactOptional(),
    user: word.exactOptional(),
    workdir: word.exactOptional(),
    hostname: word.exactOptional(),
    ports: z
      .array(z.string().regex(/^((\[[0-9a-fA-F:]+\]|[0-9.]+):)?\d{0,5}:\d{1,5}(\/(tcp|udp|sctp))?$/))
      .max(MAX_WORDS)
      .exactOptional()
      .describe('[address:]hostPort:containerPort[/protocol]'),
    volumes: z
      .array(word.regex(/^[^:]+:\/[^:]*(:[A-Za-z,]+)?$/))
      .max(MAX_WORDS)
      .exactOptional()
      .describe('hostPathOrVolume:containerPath[:ro]'),
  })
  .meta({ id: 'ContainerSettings', description: 'Laid over the container’s own; what is absent stays.' });

const httpUrl = z
  .string()
  .max(MAX_WORD_LENGTH)
  .regex(/^https?:\/\/\S+$/);
const probeSchema: z.ZodType<ContainerProbe, ContainerProbe> = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('http'),
      url: httpUrl.describe('Asked from the worker.'),
      status: z.int().min(100).max(599),
      contains: word.nullable(),
    }),
    z.strictObject({ type: z.literal('tcp'), host: word.min(1), port: z.int().min(1).max(65_535) }),
    z.strictObject({ type: z.literal('exec'), command: words.min(1).describe('Run in the container.') }),
  ])
  .meta({ id: 'ContainerProbe', description: 'What must hold besides the image’s own check.' });

const defaultHealth = defaultServicePolicy.health;

export const healthRequestSchema = z
  .strictObject({
    minHealthyTimeMs: durationMs.default(defaultHealth.minHealthyTimeMs),
    deadlineMs: durationMs
      .optional()
      .describe('From its start; longer than minHealthyTimeMs. Default: two minutes, or twice that.'),
    probe: probeSchema.nullable().default(null),
  })
  .meta({ id: 'ContainerHealth', description: 'When a new container counts as healthy.' });

/** Its deadline grows with the time for which it must be healthy, unless both are said. */
export function healthFrom(request: z.output<typeof healthRequestSchema> | undefined): ContainerHealth {
  if (request === undefined) return defaultHealth;
  const { minHealthyTimeMs, probe, deadlineMs } = request;
  return {
    minHealthyTimeMs,
    probe,
    deadlineMs: deadlineMs ?? Math.max(defaultHealth.deadlineMs, 2 * minHealthyTimeMs),
  };
}

export const containerUpgradeRequestSchema = z
  .strictObject({
    image: z
      .string()
      .min(1)
      .max(MAX_REFERENCE_LENGTH)
      .describe('registry/repository:tag or registry/repository@digest, or an image that the host has, by id or name.'),
    settings: settingsSchema.optional(),
    envFile: word
      .regex(/^\//, 'expected an absolute path, as the worker sees it')
      .nullable()
      .optional()
      .describe('File of NAME=value lines on the worker’s disk; only its path is recorded.'),
    health: healthRequestSchema.optional(),
    keepOldMs: durationMs.optional().describe('How long the old container is kept for a fast way back; 0: not at all.'),
  })
  .meta({ id: 'ContainerUpgradeRequest', description: 'Replaces a container in place by one of another image.' });

export const containerUpgradeFrom = (request: z.output<typeof containerUpgradeRequestSchema>): ContainerUpgrade => ({
  action: 'upgrade',
  image: request.image,
  settings: request.settings ?? {},
  envFile: request.envFile ?? null,
  health: healthFrom(request.health),
  keepOldMs: request.keepOldMs ?? 0,
});

export const containerUpgradeSchema: z.ZodType<ContainerProgress> = z
  .object({
    id: upgradeId,
    fleet: fleetId,
    host: hostId,
    container: containerName,
    state: z.enum(['running', 'succeeded', 'alreadyThere', 'failed', 'rolledBack']),
    member: stateIn(memberTransitions).describe('State of the container.'),
    stage: z.string().nullable().describe('At work now, such as `pulling 40%`.'),
    from: z.object({ image: z.string(), imageId: z.string() }).nullable(),
    to: z.object({ image: z.string(), digest: digest.nullable() }).nullable(),
    containerId: z.string().nullable(),
    awayMs: z.number().nullable().describe('From the old container’s stop to the new one’s start.'),
    keptUntil: time.nullable(),
    notes: z.array(z.string()),
    waiting: z.array(waitingSchema),
    error: z.string().nullable(),
    startedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'ContainerUpgrade', description: 'The upgrade of one container.' });

export const containerLookSchema = lookSchema(containerUpgradeSchema, 'ContainerLook');
export const containerRunSchema = runSchema(containerLookSchema, 'ContainerRun');
