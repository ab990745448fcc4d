import { copyFileSync, existsSync, lstatSync, mkdirSync, openSync, fsyncSync, closeSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Package, PackagesStep } from '../../model/release.ts';
import { lastWords, runCommand, type CommandEnd } from '../commands.ts';
import { freeSpace } from '../disk-space.ts';
import { INSTALLED, isInstalled, readPackages, type PackageStatus } from '../dpkg-status.ts';
import { syncFolder } from '../durable.ts';
import { findKeptPackage } from '../kept-packages.ts';
import { pause } from '../../drivers/pause.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';

/** Longest run of dpkg; ms. The host's own deadline ends it earlier. */
const DPKG_MS = 20 * 60_000;
/** How long another's hold on dpkg's database is waited for, and how often it is tried; ms. */
const LOCK_WAIT_MS = 60_000;
const LOCK_RETRY_MS = 500;
/** Room that unpacked packages take, as a multiple of their files: compressed two to four times. */
const UNPACKED_FACTOR = 4;

/** Output of `dpkg --verify` that is read; bytes. One line a damaged file, and the first is enough. */
const VERIFY_BYTES = 256 * 1024;
/** Changed configuration files, and documentation that small hosts are told not to unpack. */
const HARMLESS = /^\S+\s+c\s|^missing\s+\/usr\/share\/(doc|man|info|locale|lintian)\//;

/** Configuration files that an operator changed stay; others come from the package. */
const KEEP_CONFIGURATION = ['--force-confold', '--force-confdef'];

/** A package before the step; `saved`: its file in the undo folder. leftover: removed, its configuration kept. */
const Earlier = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('absent'), name: z.string() }),
  z.object({ kind: z.literal('leftover'), name: z.string() }),
  z.object({ kind: z.literal('installed'), name: z.string(), version: z.string(), saved: z.string() }),
  z.object({ kind: z.literal('same'), name: z.string() }),
]);
const Before = z.array(Earlier);
type Earlier = z.infer<typeof Earlier>;

/** Debian packages, all of a step in one run of dpkg. The run converges: after a kill it is done again. */
export const packagesKind: StepKind<PackagesStep> = {
  check: async (step, site) => {
    if (findDifference(step, site) !== null) return false;
    // Interrupted once: what the database says is compared with the files.
    return site.before === null || (await findDamage(step, site)) === null;
  },
  capture: (step, site) => {
    mkdirSync(site.undoFolder, { recursive: true });
    const found = statusOf(step, site);
    const before = step.packages.map((one) => capture(one, found.get(one.name), site));
    syncFolder(site.undoFolder);
    return Promise.resolve(before);
  },
  apply: async (step, site) => {
    await repair(site);
    const files = step.packages.map(({ file }) => join(site.releaseFolder, file));
    await dpkg(site, ['--install', ...KEEP_CONFIGURATION, ...files]);
  },
  verify: async (step, site) => {
    const found = statusOf(step, site);
    const measured = step.packages.map(({ name }) => [`package:${name}`, versionOf(found.get(name))] as const);
    const problem = findDifference(step, site) ?? (await findDamage(step, site));
    return { problem, measured: Object.fromEntries(measured) };
  },
  undo: async (_step, site) => {
    await repair(site);
    await putBack(Before.parse(site.before), site);
  },
  settle: nothingToSettle,
  probe,
};

function findDifference(step: PackagesStep, site: StepSite): string | null {
  const found = statusOf(step, site);
  const wrong = step.packages.find(({ name, version }) => versionOf(found.get(name)) !== version);
  if (wrong === undefined) return null;
  return `${wrong.name} is ${versionOf(found.get(wrong.name))}, expected ${wrong.version}`;
}

/** dpkg's own comparison of files with digests; an operator's changes to configuration files are no damage. */
async function findDamage(step: PackagesStep, site: StepSite): Promise<string | null> {
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
  if (status?.status.endsWith('config-files') === true) return { kind: 'leftover', name };
  if (!isInstalled(status)) return { kind: 'absent', name };
  if (status.version === version) return { kind: 'same', name };
  const kept = findKeptPackage(site.places, name, status);
  if (kept === null) {
    throw new Error(
      `the file of ${name} ${status.version}, which is installed, is not kept on this host, so there would be no way back; put it into /var/cache/apt/archives (apt-get download ${name}=${status.version})`,
    );
  }
  const saved = `${name}.deb`;
  copySynced(kept, join(site.undoFolder, saved));
  return { kind: 'installed', name, version: status.version, saved };
}

function copySynced(from: string, to: string): void {
  copyFileSync(from, to);
  const file = openSync(to, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
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
  const gone = (kind: Earlier['kind'], isGone: (status: string) => boolean): readonly string[] =>
    before
      .filter((one) => one.kind === kind && !isGone(found.get(one.name)?.status ?? 'not-installed'))
      .map(({ name }) => name);
  const purged = gone('absent', (status) => status.endsWith('not-installed'));
  if (purged.length > 0) await dpkg(site, ['--purge', '--force-remove-reinstreq', ...purged]);
  const removed = gone('leftover', (status) => status.endsWith('config-files'));
  if (removed.length > 0) await dpkg(site, ['--remove', ...removed]);
}

/** A run of dpkg that was cut off leaves its database half-way: finished first; what still fails, the next run replaces. */
async function repair(site: StepSite): Promise<void> {
  const updates = site.places.on('/var/lib/dpkg/updates');
  const isCutOff = existsSync(updates) && readdirSync(updates).length > 0;
  const audit = await runCommand(['dpkg', '--audit'], { timeoutMs: DPKG_MS, signal: site.signal });
  if (!isCutOff && audit.exitCode === 0 && audit.stdout.trim() === '') return;
  await runDpkg(site, ['--configure', '--pending', ...KEEP_CONFIGURATION]);
}

async function dpkg(site: StepSite, args: readonly string[]): Promise<void> {
  const end = await runDpkg(site, args);
  if (end.exitCode !== 0) throw new Error(`dpkg ${args[0] ?? ''} exited with ${end.exitCode}: ${lastWords(end)}`);
}

/** Waits while another holds the database: an operator's apt, or the host's own. */
async function runDpkg(site: StepSite, args: readonly string[]): Promise<CommandEnd> {
  const attempts = LOCK_WAIT_MS / LOCK_RETRY_MS;
  for (let attempt = 1; ; attempt += 1) {
    const end = await runCommand(['dpkg', ...args], {
      timeoutMs: DPKG_MS,
      signal: site.signal,
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (!isLocked(end)) return end;
    if (attempt >= attempts) {
      throw new Error(`another process held dpkg's database for ${LOCK_WAIT_MS / 1000} s: ${lastWords(end)}`);
    }
    await pause(LOCK_RETRY_MS, site.signal);
  }
}

const isLocked = (end: CommandEnd): boolean =>
  end.exitCode === 2 && /is locked by another process|frontend lock/.test(end.stderr);

async function probe(step: PackagesStep, site: StepSite): Promise<{ ok: boolean; evidence: string }> {
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

const statusOf = (step: PackagesStep, site: StepSite): ReadonlyMap<string, PackageStatus> =>
  readPackages(site.places.root, new Set(step.packages.map(({ name }) => name)));

function versionOf(status: PackageStatus | undefined): string {
  if (status === undefined) return 'not installed';
  return status.status === INSTALLED ? status.version : status.status;
}
