import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Digest } from '../model/ids.ts';
import { RegistryError } from '../model/registry.ts';
import { mediaTypes, type Descriptor } from './oci/blob.ts';
import { checkedBlobFile, readLayout } from './oci/layout.ts';
import type { Reference } from './oci/reference.ts';
import type { RegistryHttp } from './registry-http.ts';
import { mismatch } from './registry-manifest.ts';

/** Questions and small writes. */
const ANSWER_DEADLINE_MS = 15_000;
/** A blob of 1 GB over 10 Mbit/s takes 14 minutes. */
const UPLOAD_DEADLINE_MS = 30 * 60_000;

export type Push = {
  readonly layout: string;
  readonly image: Reference;
  readonly tag: string;
  readonly signal: AbortSignal | undefined;
};

/** Uploads the blobs that the registry lacks, then the manifest: a tag never names an image that isn't whole. */
export async function pushLayout(http: RegistryHttp, push: Push): Promise<Digest> {
  const { manifest, manifestBytes, descriptor } = await readLayout(push.layout);
  for (const blob of [...manifest.layers, manifest.config]) {
    if (!(await hasBlob(http, push, blob))) await uploadBlob(http, push, blob);
  }
  const response = await http.request({
    image: push.image,
    method: 'PUT',
    path: `manifests/${push.tag}`,
    headers: { 'content-type': mediaTypes.manifest },
    body: () => new Uint8Array(manifestBytes),
    deadlineMs: ANSWER_DEADLINE_MS,
    signal: push.signal,
  });
  await drained(push, response);
  const stored = response.headers.get('docker-content-digest') ?? descriptor.digest;
  if (stored !== descriptor.digest) throw mismatch(push.image, { expected: descriptor.digest, got: stored });
  return descriptor.digest;
}

async function hasBlob(http: RegistryHttp, { image, signal }: Push, blob: Descriptor): Promise<boolean> {
  const path = `blobs/${blob.digest}`;
  const response = await http.request({ image, method: 'HEAD', path, deadlineMs: ANSWER_DEADLINE_MS, signal });
  return response.status !== 404;
}

async function uploadBlob(http: RegistryHttp, push: Push, blob: Descriptor): Promise<void> {
  const { image, signal } = push;
  const file = await checkedBlobFile(push.layout, blob);
  const deadlineMs = ANSWER_DEADLINE_MS;
  const session = await http.request({ image, method: 'POST', path: 'blobs/uploads/', deadlineMs, signal });
  await drained(push, session);
  const location = session.headers.get('location');
  if (location === null)
    throw new RegistryError('refused', `registry ${image.registry} opened no upload for ${image.path}`);
  const url = new URL(location, `http://${image.registry}/`);
  url.searchParams.set('digest', blob.digest);
  const response = await http.request({
    image,
    method: 'PUT',
    path: url,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
    body: () => Readable.toWeb(createReadStream(file)) as ReadableStream,
    deadlineMs: UPLOAD_DEADLINE_MS,
    signal,
  });
  await drained(push, response);
}

/** Reads what is left of an answer, so that the connection can be used again. */
async function drained({ image }: Push, response: Response): Promise<void> {
  await response.body?.cancel();
  if (response.status !== 404) return;
  const message = `registry ${image.registry} doesn't take ${image.path}: it knows no such repository`;
  throw new RegistryError('notFound', `${message}; check the name`);
}
