import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { digestHex, parseDigest, type Digest } from '../../model/ids.ts';
import { packTar, type TarContents } from './tar.ts';

/** A layer's blob in a file. `name` says what it holds and becomes the annotation dev.refit.layer. */
export type Layer = {
  readonly name: string;
  readonly digest: Digest;
  /** Digest of the tar before compression, as an image's config lists it. */
  readonly diffId: Digest;
  /** Compressed, as the registry counts it. */
  readonly sizeBytes: number;
  readonly file: string;
};

/** gzip's own default: level 9 takes three times as long on Node's binary for 1 % less. */
const COMPRESSION_LEVEL = 6;

/** Packs a layer into a file of `folder` that is named by its digest. */
export async function createLayer(name: string, contents: TarContents, folder: string): Promise<Layer> {
  await mkdir(folder, { recursive: true });
  const partial = join(folder, `${randomUUID()}.partial`);
  const tarHash = createHash('sha256');
  const blobHash = createHash('sha256');
  try {
    await pipeline(
      packTar(contents),
      (chunks: AsyncIterable<Uint8Array>) => observe(chunks, (chunk) => tarHash.update(chunk)),
      createGzip({ level: COMPRESSION_LEVEL }),
      (chunks: AsyncIterable<Uint8Array>) => observe(chunks, (chunk) => blobHash.update(chunk)),
      createWriteStream(partial),
    );
    const digest = parseDigest(`sha256:${blobHash.digest('hex')}`);
    const file = join(folder, `${digestHex(digest)}.tar.gz`);
    await rename(partial, file);
    const { size } = await stat(file);
    return { name, digest, diffId: parseDigest(`sha256:${tarHash.digest('hex')}`), sizeBytes: size, file };
  } finally {
    await rm(partial, { force: true });
  }
}

async function* observe(
  chunks: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    see(chunk);
    yield chunk;
  }
}
