import { copyFileSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Package } from '../../model/release.ts';
import { lastWords, runCommand } from '../commands.ts';
import { freeSpace } from '../disk-space.ts';
import { isHeld, isInstalled, readPackages, stateOf, type PackageStatus } from '../dpkg-status.ts';
import { syncFile, syncFolder } from '../durable.ts';
import { findKeptPackage } from '../kept-packages.ts';
import type { Json, Probed, Verified } from '../ports.ts';
import { dpkg, DPKG_MS, KEEP_CONFIGURATION, repair } from './dpkg.ts';
import type { StepSite } from './kind.ts';

/** Room that unpacked packages take, as a multiple of their files: compressed two to four times. */
const UNPACKED_FACTOR = 4;

/** Output of `dpkg --verify` that is read; bytes. One line a damaged file, and the first is enough. */
const VERIFY_BYTES = 256 * 1024;
/** Changed configuration files, and documentation that small hosts are told not to unpack. */
const HARMLESS = /^\S+\s+c\s|^missing\s+\/usr\/share\/(doc|man|info|locale|lintian)\//;

/** Journals of before this was noted have none. */
const Held = { isHeld: z.boolean().default(false) };
/** A package before the step; `saved`: its file in the undo folder. leftover: removed, its configuration kept. */
const Earlier = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('absent'), name: z.string() }),
  z.object({ kind: z.literal('leftover'), name: z.string() }),
  z.object({ kind: z.literal('installed'), name: z.string(), version: z.string(), saved: z.string(), ...Held }),
  z.object({ kind: z.literal('same'), name: z.string(), ...Held }),
]);
const Before = z.array(Earlier);
type Earlier = z.infer<typeof Earlier>;

/** What any step with packages has of them. */
export type WithPackages = { readonly packages: readonly Package[] };

/**
 * Whether all are there at their versions; after an interruption their files and holds are compared, too. `before`: as
 * capturePackages gave it; null: the step was not begun.
 */
export async function arePackagesThere(step: WithPackages, before: Json, site: StepSite): Promise<boolean> {
  if (findDifference(step, site) !== null) return false;
  return before === null || (findReleased(before, site).length === 0 && (await findDamage(step, site)) === null);
}

/** Notes what was there, with the files that bring it back in the undo folder. Throws when one is not kept. */
export function capturePackages(step: WithPackages, site: StepSite): Json {
  mkdirSync(site.undoFolder, { recursive: true });
  const found = statusOf(step, site);
  const before = step.packages.map((one) => capture(one, found.get(one.name), site));
  syncFolder(site.undoFolder);
  return before;
}

/** Those that are purged on the way back, since they were not there. `before`: as capturePackages gave it. */
export const newPackages = (before: Json): readonly string[] =>
  Before.parse(before).flatMap((one) => (one.kind === 'absent' ? [one.name] : []));

/** All in one run of dpkg, which converges: after a kill it is done again. `before`: as capturePackages gave it. */
export async function installPackages(step: WithPackages, before: Json, site: StepSite): Promise<void> {
  await repair(site);
  const files = step.packages.map(({ file }) => join(site.releaseFolder, file));
  await dpkg(site, ['--install', ...KEEP_CONFIGURATION, ...files]);
  await holdAgain(before, site);
}

export async function verifyPackages(step: WithPackages, site: StepSite): Promise<Verified> {
  const found = statusOf(step, site);
  const measured = step.packages.map(({ name }) => [`package:${name}`, versionOf(found.get(name))] as const);
  const problem = findDifference(step, site) ?? (await findDamage(step, site));
  return { problem, measured: Object.fromEntries(measured) };
}

/** `before`: as capturePackages gave it. */
export async function putPackagesBack(before: Json, site: StepSite): Promise<void> {
  await repair(site);
  await putBack(Before.parse(before), site);
  await holdAgain(before, site);
}

/** dpkg forgets of what it installs that it was on hold. */
async function holdAgain(before: Json, site: StepSite): Promise<void> {
  const released = findReleased(before, site);
  if (released.length > 0) await dpkg(site, ['--set-selections'], released.map((name) => `${name} hold\n`).join(''));
}

/** Those that were on hold and are not. */
function findReleased(before: Json, site: StepSite): readonly string[] {
  const held = Before.parse(before).flatMap((one) => ('isHeld' in one && one.isHeld ? [one.name] : []));
  const found = readPackages(site.places.root, new Set(held));
  return held.filter((name) => !isHeld(found.get(name)));
}

function findDifference(step: WithPackages, site: StepSite): string | null {
  const found = statusOf(step, site);
  const wrong = step.packages.find(({ name, version }) => versionOf(found.get(name)) !== version);
  if (wrong === undefined) return null;
  return `${wrong.name} is ${versionOf(found.get(wrong.name))}, expected ${wrong.version}`;
}

/** dpkg's own comparison of files with digests; an operator's changes to configuration files are no damage. */
async function findDamage(step: WithPackages, site: StepSite): Promise<string | null> {
  const names = step.packages.map(({ name }) => name);
  const { stdout } = await runCommand(['dpkg', '--verify', ...names], {
    timeoutMs: DPKG_MS,
    signal: site.signal,
    keepBytes: VERIFY_BYTES,
  });
  const damaged = stdout.split('\n').find((line) => line.trim() !== '' && !HARMLESS.test(line));
  return damaged === undefined ? null : `dpkg --verify says: ${damaged.trim()}`;
}

function capture({ name, version }: Package, status: PackageStatus | undefined, site: StepSite): Earlier {
  needWhole(name, status);
  if (!isInstalled(status)) return { kind: stateOf(status) === 'leftover' ? 'leftover' : 'absent', name };
  const held = { isHeld: isHeld(status) };
  if (status.version === version) return { kind: 'same', name, ...held };
  const kept = findKeptPackage(site.places, name, status);
  if (kept === null) {
    throw new Error(
      `the file of ${name} ${status.version}, which is installed, is not kept on this host, so there would be no way back; put it into /var/cache/apt/archives (apt-get download ${name}=${status.version})`,
    );
  }
  const saved = `${name}.deb`;
  copySynced(kept, join(site.undoFolder, saved));
  return { kind: 'installed', name, version: status.version, saved, ...held };
}

/** Throws when a package is neither there nor gone: a way back would have to guess. */
export function needWhole(name: string, status: PackageStatus | undefined): void {
  if (stateOf(status) !== 'broken') return;
  throw new Error(`${name} is ${versionOf(status)}, so there would be no way back; mend it with: dpkg --configure -a`);
}

function copySynced(from: string, to: string): void {
  copyFileSync(from, to);
  syncFile(to);
}

/** Earlier versions first, so that nothing that needs them is without; then what was not there goes. */
async function putBack(before: readonly Earlier[], site: StepSite): Promise<void> {
  const found = readPackages(site.places.root, new Set(before.map(({ name }) => name)));
  const older = before.flatMap((one) =>
    one.kind === 'installed' && versionOf(found.get(one.name)) !== one.version
      ? [join(site.undoFolder, one.saved)]
      : [],
  );
  if (older.length > 0) await dpkg(site, ['--install', ...KEEP_CONFIGURATION, ...older]);
  const still = (kind: 'absent' | 'leftover'): readonly string[] =>
    before.filter((one) => one.kind === kind && stateOf(found.get(one.name)) !== kind).map(({ name }) => name);
  const purged = still('absent');
  if (purged.length > 0) await dpkg(site, ['--purge', '--force-remove-reinstreq', ...purged]);
  const removed = still('leftover');
  if (removed.length > 0) await dpkg(site, ['--remove', ...removed]);
}

/** Room, and what dpkg says of it without doing it. */
export async function probePackages(step: WithPackages, site: StepSite): Promise<Probed> {
  const files = step.packages.map(({ file }) => join(site.releaseFolder, file));
  const needed = files.map((file) => lstatSync(file).size).reduce((a, b) => a + b, 0) * UNPACKED_FACTOR;
  const space = freeSpace(site.places.on('/usr'));
  if (!space.isWritable || space.freeBytes < needed) {
    const why = space.isWritable ? `${space.freeBytes} bytes free, about ${needed} needed` : 'not writable';
    return { ok: false, evidence: `${space.folder}: ${why}` };
  }
  const end = await runCommand(['dpkg', '--dry-run', '--install', ...KEEP_CONFIGURATION, ...files], {
    timeoutMs: DPKG_MS,
    signal: site.signal,
  });
  return { ok: end.exitCode === 0, evidence: `dpkg --dry-run exited with ${end.exitCode}: ${lastWords(end)}` };
}

const statusOf = (step: WithPackages, site: StepSite): ReadonlyMap<string, PackageStatus> =>
  readPackages(site.places.root, new Set(step.packages.map(({ name }) => name)));

/** How it is told to people, unless it is installed: then it is its version. */
export function versionOf(status: PackageStatus | undefined): string {
  if (status === undefined) return 'not installed';
  return isInstalled(status) ? status.version : status.status;
}
