import { lstatSync, type Stats } from 'node:fs';
import { MAX_DRIFT, type InstalledRelease } from '../model/bus.ts';
import { isInstalled, readPackages } from './dpkg-status.ts';
import { readInstalledParts, type InstalledFile, type InstalledPackage } from './installed-files.ts';
import type { Places } from './places.ts';
import { sha256Of } from './steps/plain-file.ts';

/** Permission bits of a mode. */
const PERMISSIONS = 0o7777;

/** Looks at what no longer is as the installed release left it. */
export type DriftReader = (installed: InstalledRelease | null) => readonly string[];

/**
 * 1. Packages by dpkg's database, files by mode and content. A file is hashed again only if it was touched since the last look.
 * 2. A file that an administrator may edit (`ifEdited` keep or ask) is only to be there.
 * 3. Folders that this process does not see, as in a preflight container, are left out.
 */
export function driftReader(places: Places, isSeen: (path: string) => boolean = () => true): DriftReader {
  const hashes = new Map<string, { readonly mark: string; readonly hash: string }>();
  const hashOf = (path: string, found: Stats): string => {
    const mark = [found.size, found.mtimeMs, found.ctimeMs, found.ino].join(' ');
    const known = hashes.get(path);
    if (known?.mark === mark) return known.hash;
    const hash = sha256Of(path);
    hashes.set(path, { mark, hash });
    return hash;
  };
  const fileDrift = ({ to, sha256, mode, ifEdited }: InstalledFile, version: string): readonly string[] => {
    const path = places.on(to);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) return [`${to} is gone, ${version} put it there`];
    if (ifEdited !== 'replace') return [];
    if (hashOf(path, found) !== sha256) return [`${to} differs from what ${version} put there`];
    const is = (found.mode & PERMISSIONS).toString(8);
    return parseInt(mode, 8).toString(8) === is ? [] : [`${to} has mode ${is}, ${version} gave it ${mode}`];
  };
  return (installed) => {
    const parts = installed === null ? null : readInstalledParts(places, installed);
    if (installed === null || parts === null) return [];
    const files = parts.files.filter(({ to }) => isSeen(to)).flatMap((file) => fileDrift(file, installed.version));
    return bound([...packageDrift(places, parts.packages), ...files]);
  };
}

function packageDrift(places: Places, packages: readonly InstalledPackage[]): readonly string[] {
  if (packages.length === 0) return [];
  const found = readPackages(places.root, new Set(packages.map(({ name }) => name)));
  return packages.flatMap(({ name, version }) => {
    const status = found.get(name);
    const is = isInstalled(status) ? status.version : 'not installed';
    return is === version ? [] : [`package ${name} is ${is}, the last upgrade left ${version}`];
  });
}

/** The last one counts those that there is no room for. */
function bound(drift: readonly string[]): readonly string[] {
  const more = drift.length - MAX_DRIFT;
  return more <= 0 ? drift : [...drift.slice(0, MAX_DRIFT - 1), `and ${more + 1} more`];
}
