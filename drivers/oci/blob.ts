import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { parseDigest, type Digest } from '../../model/ids.ts';

/** Media types that registries and Docker engines from 20.10 on take. */
export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

/** A blob as an image's manifest names it. */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
};

export const sha256 = (bytes: Uint8Array | string): Digest =>
  parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

/** The digest of a stream's bytes and how many they were. */
export async function sha256Of(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { digest: parseDigest(`sha256:${hash.digest('hex')}`), sizeBytes };
}

export const sha256File = (file: string): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> =>
  sha256Of(createReadStream(file));
