import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { syncFolder } from '../durable.ts';

export type FileToCopy = {
  readonly path: string;
  readonly from: string;
  readonly mode: number;
  /** Hexadecimal; null: nobody said what it has to be. */
  readonly sha256: string | null;
  readonly sizeBytes: number;
};

/**
 * Copies files to a folder that is there whole or not at all: beside it first, every file checked and synced, then
 * renamed. What an earlier attempt left beside it is thrown away.
 */
export async function copyFolder(
  files: readonly FileToCopy[],
  folder: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const folders = new Set<string>([partial]);
  mkdirSync(partial, { recursive: true });
  for (const file of files) {
    const to = join(partial, file.path);
    for (let up = dirname(to); up.length >= partial.length; up = dirname(up)) folders.add(up);
    mkdirSync(dirname(to), { recursive: true });
    await copyFile(file, to, onBytes);
  }
  for (const one of folders) syncFolder(one);
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  syncFolder(dirname(folder));
}

async function copyFile(file: FileToCopy, to: string, onBytes: (bytes: number) => void): Promise<void> {
  const hash = createHash('sha256');
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      onBytes(chunk.length);
      done(null, chunk);
    },
  });
  await pipeline(createReadStream(file.from), count, createWriteStream(to, { mode: file.mode, flush: true }));
  const found = hash.digest('hex');
  if (file.sha256 !== null && found !== file.sha256) {
    throw new Error(`${file.path} in the release image has sha256 ${found}, expected ${file.sha256}`);
  }
}

/** Every plain file under a folder. */
export async function filesUnder(folder: string): Promise<readonly FileToCopy[]> {
  if (!existsSync(folder)) throw new Error(`expected the release image to have ${folder}`);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const from = join(entry.parentPath, entry.name);
      const { mode, size } = statSync(from);
      return { path: relative(folder, from), from, mode: mode & 0o777, sha256: null, sizeBytes: size };
    });
}
