import { z } from 'zod';
import {
  isName,
  parseDigest,
  type Digest,
  type FleetId,
  type HostId,
  type ServiceId,
  type StepId,
  type UnitId,
  type UpgradeId,
} from '../../../model/ids.ts';

// Schemas of the API's documents. They validate, give the types, and are the OpenAPI document; each is read both ways:
// `z.decode` makes the model's value of a document, `z.encode` the document of the model's value.

/** Longest name, as model/ids.ts has it. */
const MAX_NAME_LENGTH = 63;
/** As `isName` has it, for those who read the document. */
const NAME_PATTERN = '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$';
/** Longest text of a person's that is recorded with an upgrade; characters. */
const MAX_REASON_LENGTH = 1_000;
/** Longest reference that engines and registries take. */
export const MAX_REFERENCE_LENGTH = 255 + '@sha256:'.length + 64;
/** Longest time that a policy may name; ms. A timer can't count beyond 24 days. */
const MAX_DURATION_MS = 24 * 24 * 3_600_000;
/** Most hosts, members or retries that a policy may name. */
const MAX_COUNT = 999_999;

/** A name's schema without a transformation, so that it is the same in a document and in the model. */
const named = <Id extends string>(description: string): z.ZodType<Id, Id> =>
  z
    .custom<Id>((value) => typeof value === 'string' && isName(value), {
      error: `expected at most ${MAX_NAME_LENGTH} lower-case letters, digits, dots and dashes`,
    })
    .meta({ type: 'string', minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: NAME_PATTERN, description });

export const fleetId = named<FleetId>('A fleet.');
export const hostId = named<HostId>('A host of the fleet.');
export const upgradeId = named<UpgradeId>('An upgrade.');
export const serviceId = named<ServiceId>('A service.');
export const unitId = named<UnitId>('A unit.');
export const stepId = named<StepId>('A step of a release.');

export const containerName = z
  .string()
  .max(255)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, 'expected the name of a container')
  .describe('A container, by the name that its host’s engine has for it.');

export const digest = z
  .custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'expected sha256:<64 hex digits>')
  .meta({ type: 'string', pattern: '^sha256:[0-9a-f]{64}$', description: 'Digest of an image’s manifest.' });

/** ISO 8601 in a document, ms since the epoch in the model. */
export const time = z
  .codec(z.iso.datetime(), z.number(), {
    decode: (text) => Date.parse(text),
    encode: (ms) => new Date(ms).toISOString(),
  })
  .meta({ type: 'string', format: 'date-time', description: 'UTC, to the millisecond.' });

export const reference = z
  .string()
  .min(1)
  .max(MAX_REFERENCE_LENGTH)
  .describe(
    'An image as registry/repository:tag or registry/repository@digest; its registry is one that the fleet knows.',
  );

export const count = z.int().nonnegative();
export const boundedCount = count.max(MAX_COUNT);
export const durationMs = count.max(MAX_DURATION_MS).describe('Milliseconds.');
export const reason = z.string().max(MAX_REASON_LENGTH).describe('Why, for the record.');
export const texts = z.record(z.string(), z.string());

export const amount = z
  .union([z.strictObject({ hosts: boundedCount }), z.strictObject({ percent: count.max(100) })], {
    error: 'expected {"hosts": N} or {"percent": N}',
  })
  .meta({ id: 'Amount', description: 'A number of hosts or members, or a share of all; a share is rounded up.' });

function isDigest(text: string): boolean {
  try {
    return parseDigest(text) === text;
  } catch {
    return false;
  }
}

/** One of the model's words. */
export const oneOf = <Word extends string>(words: readonly Word[]): z.ZodType<Word, Word> => z.literal(words);

/** One of the states that a table of transitions has. */
export const stateIn = <State extends string>(
  table: Readonly<Record<State, readonly string[]>>,
): z.ZodType<State, State> => oneOf(Object.keys(table) as State[]);
