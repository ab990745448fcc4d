import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { digestHex } from '../../model/ids.ts';
import type { Release } from '../../model/release.ts';
import { parseRelease } from '../../drivers/release/release-json.ts';
import { readDisk } from '../core/reading.ts';
import { openDisk } from '../disk.ts';
import { freeSpace } from '../disk-space.ts';
import type { Places } from '../places.ts';
import { findWrongFile, sha256 } from '../releases.ts';
import { copyFolder, type FileToCopy } from './copy-folder.ts';
import type { JobOrder } from './environment.ts';

/** Room that the file system itself takes for what is copied, as a share of it. */
const OVERHEAD = 1.05;

/** Releases that stay though no order named them yet: those of the next hops may be there already. */
const KEPT_UNORDERED = 2;

/** What has to be copied to the host, all of it known before the first byte is. */
export type Copy = { readonly folder: string; readonly files: readonly FileToCopy[] };

/** The release in this image, against the digest that was ordered. */
export function readImageRelease(folder: string, order: JobOrder): Release {
  const json = readFileSync(join(folder, 'release.json'));
  const found = `sha256:${sha256(json)}`;
  if (found !== order.contents) {
    throw new Error(`release.json in the release image is ${found}, expected ${order.contents}`);
  }
  return parseRelease(json.toString('utf8'));
}

/** null: the release is on the host, every file as it should be. */
export async function releaseCopy(
  places: Places,
  order: JobOrder,
  image: { folder: string; release: Release },
): Promise<Copy | null> {
  const folder = places.release(order.release);
  if (await isStaged(folder, order, image.release)) return null;
  const json = join(image.folder, 'release.json');
  const manifest = { path: 'release.json', from: json, mode: 0o644, sha256: digestHex(order.contents) };
  const files = image.release.contents.map(({ path, sha256: digest, sizeBytes }) => {
    const from = join(image.folder, path);
    return { path, from, mode: statSync(from).mode & 0o777, sha256: digest, sizeBytes };
  });
  return { folder, files: [...files, { ...manifest, sizeBytes: statSync(json).size }] };
}

async function isStaged(folder: string, order: JobOrder, release: Release): Promise<boolean> {
  const manifest = join(folder, 'release.json');
  if (statSync(manifest, { throwIfNoEntry: false })?.isFile() !== true) return false;
  if (sha256(readFileSync(manifest)) !== digestHex(order.contents)) return false;
  return (await findWrongFile(folder, release.contents)) === null;
}

/** Refused before anything is written: a full disk hurts more than the release would help. */
export function assertRoom(places: Places, copies: readonly Copy[], floorBytes: number): number {
  const bytes = sizeOf(copies);
  const { freeBytes, folder } = freeSpace(places.state);
  const needed = Math.ceil(bytes * OVERHEAD) + floorBytes;
  if (bytes > 0 && freeBytes < needed) {
    throw new Error(
      `the disk of ${folder} has ${freeBytes} bytes free, ${needed} needed (${bytes} to copy, ${floorBytes} to stay free); make room`,
    );
  }
  return bytes;
}

export const sizeOf = (copies: readonly Copy[]): number =>
  copies.flatMap(({ files }) => files).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

export async function copyAll(
  copies: readonly Copy[],
  onProgress: (bytes: number, total: number) => void,
): Promise<void> {
  const total = sizeOf(copies);
  let bytes = 0;
  for (const { folder, files } of copies) {
    await copyFolder(files, folder, (more) => {
      bytes += more;
      onProgress(bytes, total);
    });
  }
}

/** Removes releases that neither an install nor its undo needs: kept are those of the journals, and this one. */
export function pruneReleases(places: Places, order: JobOrder): readonly string[] {
  const { state } = readDisk(openDisk(places));
  // With a journal that can't be read nobody knows what is needed.
  if (state.corrupt !== null) return [];
  const needed = new Set([digestHex(order.release)]);
  for (const work of state.works) {
    needed.add(digestHex(work.order.release.digest));
    if (work.before !== null) needed.add(digestHex(work.before.digest));
  }
  const removed = readdirSync(places.releases)
    .filter((name) => !needed.has(name) && isRelease(name))
    .sort((a, b) => statSync(join(places.releases, b)).mtimeMs - statSync(join(places.releases, a)).mtimeMs)
    .slice(KEPT_UNORDERED);
  for (const name of removed) rmSync(join(places.releases, name), { recursive: true, force: true });
  return removed;
}

const isRelease = (name: string): boolean => /^[0-9a-f]{64}(\.partial)?$/.test(name);
