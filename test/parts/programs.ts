import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../lab/paths.ts';
import { attempt, call, findProgram, isExecutable, type Say } from '../../lab/programs.ts';

/** Programs that tests start by themselves: Debian's package of each, and where the program lies in it. */
const parts = {
  etcd: { package: 'etcd-server', path: 'usr/bin/etcd' },
  'docker-registry': { package: 'docker-registry', path: 'usr/bin/docker-registry' },
  busybox: { package: 'busybox-static', path: 'bin/busybox' },
} as const;

export type PartName = keyof typeof parts;

/** Longest a download from Debian's mirror may take; ms. */
const DOWNLOAD_MS = 10 * 60_000;

/** Finds or fetches every part. Packages are unpacked beside the other caches, not installed: an installed one starts its service. */
export async function ensureParts(say: Say): Promise<void> {
  const found = await Promise.all(partNames.map(locate));
  const missing = partNames.filter((_, index) => found[index] === null);
  if (missing.length === 0) return;
  const packages = missing.map((name) => parts[name].package);
  say(`fetching ${packages.join(', ')} (about 10 s)`);
  await download(packages);
  for (const name of missing) await findPart(name);
}

/** The program's path. */
export async function findPart(name: PartName): Promise<string> {
  const path = await locate(name);
  if (path !== null) return path;
  throw new Error(`${name} is missing; install Debian's ${parts[name].package} or run: npm test`);
}

const partNames = ['etcd', 'docker-registry', 'busybox'] as const satisfies readonly PartName[];
const folder = (): string => join(cacheFolder(), 'parts');

/** The cache first: Debian's busybox may be the one that needs the C library. */
async function locate(name: PartName): Promise<string | null> {
  const cached = join(folder(), parts[name].path);
  if (await isExecutable(cached)) return cached;
  return name === 'busybox' ? null : ((await findProgram(name)) ?? null);
}

async function download(packages: readonly string[]): Promise<void> {
  const into = join(folder(), `download-${process.pid}`);
  await mkdir(into, { recursive: true });
  try {
    const options = { cwd: into, deadlineMs: DOWNLOAD_MS };
    const first = await attempt('apt-get', ['download', '-q', ...packages], options);
    if (first.exitCode !== 0) {
      await call('apt-get', ['update', '-q'], options);
      await call('apt-get', ['download', '-q', ...packages], options);
    }
    for (const file of await readdir(into)) await call('dpkg-deb', ['-x', join(into, file), folder()]);
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}
