import { lstatSync, readFileSync, type Stats } from 'node:fs';
import { release } from 'node:os';
import { MAX_DRIFT } from '../model/bus.ts';
import { isInstalled, readPackages } from './dpkg-status.ts';
import { lastUpgradeReader, type LastUpgrade, type LeftFile } from './last-upgrade.ts';
import type { Places } from './places.ts';
import { sha256 } from './releases.ts';
import { idOf } from './steps/owners.ts';
import { PERMISSIONS } from './steps/plain-file.ts';

/** Largest file whose content is compared; bytes. It is read in one go, by an agent that has others to answer. */
const MAX_HASHED_BYTES = 16 * 1024 ** 2;

/** What no longer is as the last upgrade left it, in words; at most MAX_DRIFT. */
export type DriftReader = () => readonly string[];

/**
 * 1. Compared is with what the last upgrade measured when it was done: its kernel, packages by dpkg's database, files by content, mode and
 *    owner. An edited file that was kept has to be as it was kept. Units are not asked for: each would cost a call.
 * 2. A look that finds nothing touched costs a look at each file's entry: journals and files are read again only if they changed.
 * 3. Places that this process does not see, as in a preflight container, are left out.
 * 4. While the host is at work or stuck there is no drift to speak of.
 */
export function driftReader(places: Places, isSeen: (path: string) => boolean = () => true): DriftReader {
  const lastUpgrade = lastUpgradeReader(places);
  const hashOf = hashReader();
  return () => {
    const left = lastUpgrade();
    if (left === null) return [];
    const seen = left.files.filter(({ to }) => isSeen(to));
    const files = seen.map((file) => fileDrift(file, { places, version: left.version, hashOf }));
    const kernel = kernelDrift(left, release());
    return bounded([...kernel, ...packageDrift(places, left), ...files.filter((one) => one !== null)]);
  };
}

const kernelDrift = ({ kernel, version }: LastUpgrade, running: string): readonly string[] =>
  kernel === null || kernel === running ? [] : [`kernel ${running} runs, ${version} left the host on ${kernel}`];

function packageDrift(places: Places, { packages }: LastUpgrade): readonly string[] {
  if (packages.length === 0) return [];
  const found = readPackages(places.root, new Set(packages.map(({ name }) => name)));
  return packages.flatMap(({ name, version }) => {
    const status = found.get(name);
    const is = isInstalled(status) ? status.version : 'gone';
    return is === version ? [] : [`package ${name} is ${is}, the last upgrade left ${version}`];
  });
}

type Looking = { readonly places: Places; readonly version: string; readonly hashOf: HashReader };

/** null: it is as it was left. */
function fileDrift(file: LeftFile, { places, version, hashOf }: Looking): string | null {
  const { to, isKept } = file;
  const path = places.on(to);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return `${to} is gone, ${version} ${isKept ? 'kept' : 'put'} it there`;
  if (!found.isFile()) return `${to} is no plain file any more`;
  const hash = hashOf(path, found);
  if (hash !== null && hash !== file.hash) {
    return isKept ? `${to} was edited again since ${version} kept it` : `${to} differs from what ${version} put there`;
  }
  return isKept ? null : attributeDrift(file, found, { places, version });
}

function attributeDrift(
  { to, mode, owner, group }: LeftFile,
  found: Stats,
  { places, version }: Pick<Looking, 'places' | 'version'>,
): string | null {
  const is = found.mode & PERMISSIONS;
  if (is !== parseInt(mode, 8)) return `${to} has mode ${is.toString(8)}, ${version} gave it ${mode}`;
  const isOwned = isId(places.on('/etc/passwd'), owner, found.uid) && isId(places.on('/etc/group'), group, found.gid);
  return isOwned ? null : `${to} belongs to ${found.uid}:${found.gid}, ${version} gave it to ${owner}:${group}`;
}

function isId(file: string, name: string, id: number): boolean {
  try {
    return idOf(file, name) === id;
  } catch {
    // A user that is gone can't own it any more.
    return false;
  }
}

/** null: too large, or not to be read. */
type HashReader = (path: string, found: Stats) => string | null;

/** Reads a file again only if it was touched since the last look. */
function hashReader(): HashReader {
  const known = new Map<string, { readonly mark: string; readonly hash: string | null }>();
  return (path, found) => {
    const mark = [found.size, found.mtimeMs, found.ctimeMs, found.ino].join(' ');
    const last = known.get(path);
    if (last?.mark === mark) return last.hash;
    const hash = found.size <= MAX_HASHED_BYTES ? hashNow(path) : null;
    known.set(path, { mark, hash });
    return hash;
  };
}

function hashNow(path: string): string | null {
  try {
    return sha256(readFileSync(path));
  } catch {
    // Removed a moment ago, or on a disk that fails: the next look says so, and a sign of life must not end with it.
    return null;
  }
}

/** The last one counts those that there is no room for. */
function bounded(drift: readonly string[]): readonly string[] {
  const more = drift.length - (MAX_DRIFT - 1);
  return drift.length <= MAX_DRIFT ? drift : [...drift.slice(0, MAX_DRIFT - 1), `and ${more} more`];
}
