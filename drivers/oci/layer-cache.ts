import { readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { digestHex, parseDigest, type Digest } from '../../model/ids.ts';
import { sha256File } from './blob.ts';
import { createLayer, type Layer } from './layer.ts';
import type { TarContents } from './tar.ts';

const Entry = z.object({ digest: z.string(), diffId: z.string(), sizeBytes: z.number() });

/** Where layers that many images share are kept: outside every checkout, so that a fresh clone builds fast too. */
export function layerCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['REFIT_CACHE'] ?? '';
  const shared = env['XDG_CACHE_HOME'] ?? '';
  const cache = own === '' ? join(shared === '' ? join(homedir(), '.cache') : shared, 'refit') : own;
  return resolve(cache, 'layers');
}

/** The layer made earlier from contents with the same key, if its blob is still what it was; else a new one. */
export async function cachedLayer(options: {
  readonly name: string;
  /** Digest of all that goes into the layer. */
  readonly key: Digest;
  readonly contents: TarContents;
  readonly folder?: string | undefined;
}): Promise<Layer> {
  const folder = options.folder ?? layerCacheFolder();
  const record = join(folder, `${digestHex(options.key)}.json`);
  const found = await readEntry(record, options.name, folder);
  if (found !== null) return found;
  const layer = await createLayer(options.name, options.contents, folder);
  const { digest, diffId, sizeBytes } = layer;
  const partial = `${record}.${process.pid}.partial`;
  await writeFile(partial, JSON.stringify({ digest, diffId, sizeBytes }));
  await rename(partial, record);
  return layer;
}

/** Null for anything but a whole, unharmed entry: the cache is only ever a shortcut. */
async function readEntry(record: string, name: string, folder: string): Promise<Layer | null> {
  const text = await readFile(record, 'utf8').catch(absent);
  const entry = text === null ? null : Entry.safeParse(parseJson(text));
  if (entry?.success !== true) return null;
  const digest = parseDigest(entry.data.digest);
  const file = join(folder, `${digestHex(digest)}.tar.gz`);
  const actual = await sha256File(file).catch(absent);
  if (actual?.digest !== digest) return null;
  return { name, digest, diffId: parseDigest(entry.data.diffId), sizeBytes: actual.sizeBytes, file };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function absent(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
