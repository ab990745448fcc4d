import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, type Digest } from '../../model/ids.ts';
import { sha256, sha256File, type Descriptor } from './blob.ts';
import { IndexSchema, ManifestSchema, type Manifest } from './manifest.ts';

/** An image in an OCI layout, its manifest checked against its digest. */
export type Layout = { readonly manifest: Manifest; readonly manifestBytes: Buffer; readonly descriptor: Descriptor };

export async function readLayout(folder: string): Promise<Layout> {
  const index = IndexSchema.parse(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')));
  const [descriptor] = index.manifests;
  const manifestBytes = await readFile(blobFile(folder, descriptor.digest));
  const actual = sha256(manifestBytes);
  if (actual !== descriptor.digest) throw new Error(harmed(folder, descriptor.digest, actual));
  return { manifest: ManifestSchema.parse(JSON.parse(manifestBytes.toString())), manifestBytes, descriptor };
}

/** The blob's file, once its size and digest are found to be what the manifest says. */
export async function checkedBlobFile(folder: string, blob: Descriptor): Promise<string> {
  const file = blobFile(folder, blob.digest);
  const actual = await sha256File(file);
  if (actual.digest !== blob.digest) throw new Error(harmed(folder, blob.digest, actual.digest));
  return file;
}

const blobFile = (folder: string, digest: Digest): string => join(folder, 'blobs', 'sha256', digestHex(digest));

const harmed = (folder: string, expected: Digest, actual: Digest): string =>
  `${folder} is damaged: expected a blob ${expected}, got ${actual}; build the release again`;
