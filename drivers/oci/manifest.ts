import { z } from 'zod';
import { parseDigest } from '../../model/ids.ts';
import { mediaTypes } from './blob.ts';

const Digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .transform(parseDigest);

const DescriptorSchema = z.object({
  mediaType: z.string(),
  digest: Digest,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** An image's manifest, of either name. */
export const ManifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.enum([mediaTypes.manifest, mediaTypes.dockerManifest]).optional(),
  config: DescriptorSchema,
  layers: z.array(DescriptorSchema).max(128),
});

export type Manifest = z.infer<typeof ManifestSchema>;

/** A layout's index that names one image. */
export const IndexSchema = z.object({ schemaVersion: z.literal(2), manifests: z.tuple([DescriptorSchema]) });

/** What refit reads of an image's config. */
export const ConfigSchema = z.object({
  architecture: z.string(),
  os: z.string(),
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).optional(),
});
