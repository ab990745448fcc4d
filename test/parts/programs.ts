import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../lab/paths.ts';
import { attempt, call, findProgram, isExecutable, type Say } from '../../lab/programs.ts';

/** Programs that tests start by themselves: Debian's packages of each, and where the program lies in the first. */
const parts = {
  etcd: { packages: ['etcd-server'], path: 'usr/bin/etcd' },
  'docker-registry': { packages: ['docker-registry'], path: 'usr/bin/docker-registry' },
  busybox: { packages: ['busybox-static'], path: 'bin/busybox' },
  // With its libraries: Debian's minimal system has the others.
  haproxy: {
    packages: ['haproxy', 'liblua5.3-0', 'libopentracing-c-wrapper0', 'libopentracing1'],
    path: 'usr/sbin/haproxy',
  },
} as const;

export type PartName = keyof typeof parts;

/** Longest a download from Debian's mirror may take; ms. */
const DOWNLOAD_MS = 10 * 60_000;

/** Finds or fetches every part. Packages are unpacked beside the other caches, not installed: an installed one starts its service. */
export async function ensureParts(say: Say): Promise<void> {
  const found = await Promise.all(partNames.map(locate));
  const missing = partNames.filter((_, index) => found[index] === null);
  if (missing.length === 0) return;
  const packages = missing.flatMap((name) => parts[name].packages);
  say(`fetching ${packages.join(', ')} (about 10 s)`);
  await download(packages);
  for (const name of missing) await findPart(name);
}

/** The program's path. */
export async function findPart(name: PartName): Promise<string> {
  const path = await locate(name);
  if (path !== null) return path;
  throw new Error(`${name} is missing; install Debian's ${parts[name].packages[0]} or run: npm test`);
}

const partNames = ['etcd', 'docker-registry', 'busybox', 'haproxy'] as const satisfies readonly PartName[];
const folder = (): string => join(cacheFolder(), 'parts');

/** Where the libraries of what was fetched lie. */
export const partLibraries = (): string =>
  ['x86_64', 'aarch64'].map((machine) => join(folder(), `usr/lib/${machine}-linux-gnu`)).join(':');

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
