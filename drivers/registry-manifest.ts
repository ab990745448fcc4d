import type { Digest } from '../model/ids.ts';
import { RegistryError } from '../model/registry.ts';
import { mediaTypes, sha256, type Descriptor } from './oci/blob.ts';
import type { Reference } from './oci/reference.ts';
import type { RegistryHttp } from './registry-http.ts';

export type FetchedManifest = { readonly digest: Digest; readonly bytes: Buffer; readonly mediaType: string };

/** Registries themselves take no larger manifest. */
const MAX_MANIFEST_BYTES = 4 * 1024 ** 2;
/** A manifest is some kB: a registry that needs longer has a problem. */
const MANIFEST_DEADLINE_MS = 15_000;
/** Blobs that are read here are at most tens of MB. */
const BLOB_DEADLINE_MS = 120_000;

const ACCEPT = [mediaTypes.manifest, mediaTypes.dockerManifest, mediaTypes.index, mediaTypes.dockerList].join(', ');

/** The image's manifest, of one architecture or an index of several; its digest is computed, not believed. */
export async function fetchManifest(
  http: RegistryHttp,
  image: Reference,
  signal?: AbortSignal,
): Promise<FetchedManifest> {
  const name = image.digest ?? image.tag ?? '';
  const response = await http.request({
    image,
    method: 'GET',
    path: `manifests/${name}`,
    headers: { accept: ACCEPT },
    deadlineMs: MANIFEST_DEADLINE_MS,
    signal,
  });
  if (response.status === 404) {
    await response.body?.cancel();
    const message = `registry ${image.registry} has no image ${image.path} with ${name}`;
    throw new RegistryError(
      'notFound',
      `${message}; publish it with: refit release build DIR --push ${image.repository}`,
    );
  }
  const bytes = await http.read(response, { image, limitBytes: MAX_MANIFEST_BYTES });
  const digest = sha256(bytes);
  // A tag is only as good as what the registry says it stands for, so that is compared as well.
  const expected = image.digest ?? response.headers.get('docker-content-digest') ?? digest;
  if (digest !== expected) throw mismatch(image, { expected, got: digest });
  return { digest, bytes, mediaType: (response.headers.get('content-type') ?? '').split(';')[0] ?? '' };
}

/** A blob that is small enough for memory, found to be the one asked for. */
export async function fetchBlob(
  http: RegistryHttp,
  image: Reference,
  blob: { readonly descriptor: Descriptor; readonly limitBytes: number; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  const { descriptor, limitBytes, signal } = blob;
  if (descriptor.size > limitBytes) {
    const message = `expected at most ${limitBytes} bytes of ${image.repository} in ${descriptor.digest}`;
    throw new RegistryError('notRelease', `${message}, got ${descriptor.size}`);
  }
  const path = `blobs/${descriptor.digest}`;
  const response = await http.request({ image, method: 'GET', path, deadlineMs: BLOB_DEADLINE_MS, signal });
  if (response.status === 404) {
    await response.body?.cancel();
    const message = `registry ${image.registry} lost the blob ${descriptor.digest} of ${image.path}`;
    throw new RegistryError('notFound', `${message}; publish the release again`);
  }
  const bytes = await http.read(response, { image, limitBytes });
  const digest = sha256(bytes);
  if (digest !== descriptor.digest) {
    throw mismatch(image, {
      expected: descriptor.digest,
      got: `${digest} (${bytes.length} of ${descriptor.size} bytes)`,
    });
  }
  return bytes;
}

/** Something is not what its digest says; names both. */
export function mismatch(
  image: Reference,
  { expected, got }: { readonly expected: string; readonly got: string },
): RegistryError {
  const message = `registry ${image.registry} gave something else for ${image.path}: expected ${expected}, got ${got}`;
  return new RegistryError('mismatch', `${message}; nothing of it was used, publish the release again`);
}
