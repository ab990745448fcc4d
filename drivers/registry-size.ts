import { z } from 'zod';
import { parseDigest, type Digest } from '../model/ids.ts';
import { RegistryError } from '../model/registry.ts';
import { mediaTypes } from './oci/blob.ts';
import { ManifestSchema } from './oci/manifest.ts';
import type { Reference } from './oci/reference.ts';
import type { RegistryHttp } from './registry-http.ts';
import { fetchManifest, type FetchedManifest } from './registry-manifest.ts';

/** An index of one image for several architectures. */
const IndexSchema = z.object({
  manifests: z
    .array(
      z.object({
        digest: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/)
          .transform(parseDigest),
        platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
      }),
    )
    .min(1)
    .max(64),
});

/** Hosts' architecture, as indexes call it, unless an image has it for others only. */
const USUAL_ARCHITECTURE = 'amd64';

/** Sum of the image's compressed layers; of an index, of the image that a host would pull. null: it is not there. */
export async function fetchSize(http: RegistryHttp, image: Reference, signal?: AbortSignal): Promise<number | null> {
  try {
    const fetched = await fetchManifest(http, image, signal);
    const isIndex = fetched.mediaType === mediaTypes.index || fetched.mediaType === mediaTypes.dockerList;
    const own = isIndex ? await fetchManifest(http, { ...image, digest: chosen(image, fetched) }, signal) : fetched;
    return read(image, own, ManifestSchema).layers.reduce((sum, { size }) => sum + size, 0);
  } catch (error) {
    if (error instanceof RegistryError && error.kind === 'notFound') return null;
    throw error;
  }
}

function chosen(image: Reference, index: FetchedManifest): Digest {
  const { manifests } = read(image, index, IndexSchema);
  const usual = manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === USUAL_ARCHITECTURE,
  );
  const found = usual ?? manifests[0];
  if (found === undefined) throw otherForm(image);
  return found.digest;
}

function read<Schema extends z.ZodType>(
  image: Reference,
  { bytes }: FetchedManifest,
  schema: Schema,
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw otherForm(image, cause);
  }
}

const otherForm = (image: Reference, cause?: unknown): RegistryError =>
  new RegistryError(
    'mismatch',
    `the manifest of ${image.repository} has another form than images have; see who made it`,
    {
      cause,
    },
  );
