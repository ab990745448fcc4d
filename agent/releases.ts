import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestHex, type Digest } from '../model/ids.ts';
import { releaseLabel, type Release, type ReleaseFile, type ReleaseRef } from '../model/release.ts';
import type { Places } from './places.ts';
import type { Releases } from './ports.ts';

/** Largest release.json; bytes. */
const MAX_MANIFEST_BYTES = 16 * 1024 ** 2;

/** Read in one go: a stream costs more than such a file; bytes. */
const SMALL_BYTES = 1024 ** 2;

export type ParseRelease = (json: string) => Release;
type Verification = Awaited<ReturnType<Releases['verify']>>;

/** Releases on the host's disk; each is read and hashed once in a process's life, which is at most one boot. */
export function openReleases(places: Places, parseRelease: ParseRelease): Releases {
  const verified = new Map<Digest, Release>();
  return {
    verify: async (ref) => {
      const known = verified.get(ref.contents);
      if (known !== undefined) return { ok: true, release: known };
      const verification = await verifyRelease(places.release(ref.digest), ref, parseRelease);
      if (verification.ok) verified.set(ref.contents, verification.release);
      return verification;
    },
  };
}

export async function verifyRelease(
  folder: string,
  ref: Pick<ReleaseRef, 'name' | 'version' | 'contents'>,
  parseRelease: ParseRelease,
): Promise<Verification> {
  const label = releaseLabel(ref);
  const json = readManifest(folder);
  if (json === null)
    return { ok: false, problem: `release ${label} is not on this host: no ${folder}/release.json; download it first` };
  const contents = sha256(json);
  if (contents !== digestHex(ref.contents)) {
    return {
      ok: false,
      problem: `release ${label} on this host differs: release.json has sha256:${contents}, expected ${ref.contents}; download it again`,
    };
  }
  const release = parseRelease(json.toString('utf8'));
  const wrong = await findWrongFile(folder, release.contents);
  return wrong === null
    ? { ok: true, release }
    : { ok: false, problem: `release ${label} on this host is damaged: ${wrong}; download it again` };
}

/** The first file that is missing or is not what release.json says; null: all are right. */
export async function findWrongFile(folder: string, files: readonly ReleaseFile[]): Promise<string | null> {
  for (const file of files) {
    const found = await hashFile(join(folder, file.path));
    if (found === null) return `${file.path} is missing`;
    if (found !== file.sha256) return `${file.path} has sha256 ${found}, expected ${file.sha256}`;
  }
  return null;
}

/** null: there is no such file. */
export async function hashFile(path: string): Promise<string | null> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return null;
  if (found.size <= SMALL_BYTES) return sha256(readFileSync(path));
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

function readManifest(folder: string): Buffer | null {
  const path = join(folder, 'release.json');
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (found.size > MAX_MANIFEST_BYTES)
    throw new Error(`${path} has ${found.size} bytes, expected at most ${MAX_MANIFEST_BYTES}`);
  return readFileSync(path);
}
