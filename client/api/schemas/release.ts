import { z } from 'zod';
import { parseRelease } from '../../../drivers/release/release-json.ts';
import type { ReadRelease } from '../../../model/registry.ts';
import type { Release, ReleaseRef } from '../../../model/release.ts';
import { count, digest, reference } from './fields.ts';

export const releaseRefSchema: z.ZodType<ReleaseRef> = z
  .object({
    name: z.string(),
    version: z.string(),
    repository: z.string().describe('Without tag or digest.'),
    digest,
    contents: digest,
  })
  .meta({ id: 'ReleaseRef', description: 'How a release is named: enough to find and to verify it.' });

const part = z.looseObject({ name: z.string() });

/** What a document of a release shows of its form here; all of it is in docs/release.md. */
const outline = z.looseObject({
  schema: z.literal(1),
  name: z.string(),
  version: z.string(),
  fleets: z.array(z.string()).describe('That it is for; empty: every fleet.'),
  components: z.record(z.string(), z.string()),
  host: z.looseObject({ steps: z.array(z.looseObject({ id: z.string(), type: z.string() })) }),
  services: z.array(part),
  units: z.array(part),
  migrations: z.array(part),
});

/** Read by the same parser as the agent's on its own disk. */
const release = z
  .codec(z.record(z.string(), z.unknown()), z.custom<Release>(), {
    decode: (document) => parseRelease(JSON.stringify(document)),
    encode: (model) => ({ ...model }),
  })
  .meta({ ...z.toJSONSchema(outline), description: 'All that the release says.' });

/** A published release, as `refit release show --json` has it. */
export const releaseSchema: z.ZodType<ReadRelease> = z
  .object({
    ref: releaseRefSchema,
    agent: z.string().nullable().describe('Version of the agent in it.'),
    sizeBytes: count.describe('Sum of the compressed layers.'),
    layers: z.array(z.object({ name: z.string(), digest, sizeBytes: count })),
    release,
  })
  .meta({ id: 'Release', description: 'A published release.' });

export const releaseQuery = z.object({ reference });
