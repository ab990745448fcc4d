import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needPrograms } from './debian.ts';
import { docker, tryDocker } from './docker.ts';
import { cacheFolder } from './paths.ts';
import { call, type Say } from './programs.ts';

/** Where the public hub is not reached it refuses at once; a slow line needs longer for 50 MB. */
const PULL_DEADLINE_MS = 120_000;

/** Measured: 24 s for the base and 14 s for the packages; a slow mirror takes many times that. */
const BUILD_DEADLINE_MS = 20 * 60_000;

const source = join(import.meta.dirname, 'host-image');
const REPOSITORY = 'refit-lab-host';
const PUBLIC_BASE = 'debian:bookworm';
const OWN_BASE = 'refit-lab-debian:bookworm';

/** The image of a lab host: on the engine, else from the cache, else built. Returns its name. */
export async function ensureHostImage(say: Say): Promise<string> {
  const key = await sourceKey(source);
  const image = `${REPOSITORY}:${key}`;
  if (await hasImage(image)) return image;
  const cached = join(cacheFolder(), `base-${key}.tar`);
  if (await isFile(cached)) {
    say('loading the image of a lab host from the cache (about 3 s)');
    await docker(['load', '--quiet', '--input', cached], { deadlineMs: BUILD_DEADLINE_MS });
    return image;
  }
  const base = await ensureBase(say);
  say('installing the packages of a lab host into its image (about 15 s)');
  await buildImage({ image, folder: source, base });
  await keep(image, cached);
  return image;
}

/** Changes when a package or a file of the image does. */
export async function sourceKey(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.sort())
    hash
      .update(`${file.slice(folder.length)}\0`)
      .update(await readFile(file))
      .update('\0');
  return hash.digest('hex').slice(0, 12);
}

/** Builds the image out of the folder's Dockerfile. */
export async function buildImage({ image, folder, base }: Record<'image' | 'folder' | 'base', string>): Promise<void> {
  const args = [
    'build',
    '--network=host',
    '--quiet',
    '--force-rm',
    '--build-arg',
    `BASE=${base}`,
    '--tag',
    image,
    folder,
  ];
  // The old builder needs no plugin, and every engine still has it.
  await docker(args, { deadlineMs: BUILD_DEADLINE_MS, env: { DOCKER_BUILDKIT: '0' } });
}

/** Debian itself, for images of the lab. Returns its name. */
export async function ensureBase(say: Say): Promise<string> {
  if (await hasImage(PUBLIC_BASE)) return PUBLIC_BASE;
  if (await hasImage(OWN_BASE)) return OWN_BASE;
  say(`fetching ${PUBLIC_BASE}`);
  const pulled = await tryDocker(['pull', '--quiet', PUBLIC_BASE], { deadlineMs: PULL_DEADLINE_MS });
  if (pulled.exitCode === 0) return PUBLIC_BASE;
  await bootstrapBase(say);
  return OWN_BASE;
}

/** The same Debian from its package mirror, for machines that reach no image hub. */
async function bootstrapBase(say: Say): Promise<void> {
  await needPrograms(['debootstrap'], say);
  say('the public image hub is not reached; making a base image from Debian packages (about 25 s)');
  const folder = await mkdtemp(join(tmpdir(), 'refit-base-'));
  try {
    await call('debootstrap', ['--variant=minbase', 'bookworm', folder], { deadlineMs: BUILD_DEADLINE_MS });
    for (const waste of ['var/cache/apt', 'var/lib/apt/lists', 'var/log']) {
      await rm(join(folder, waste), { recursive: true, force: true });
      await mkdir(join(folder, waste), { recursive: true });
    }
    const tar = `${folder}.tar`;
    await call('tar', ['-C', folder, '-cf', tar, '.'], { deadlineMs: BUILD_DEADLINE_MS });
    await docker(['import', tar, OWN_BASE], { deadlineMs: BUILD_DEADLINE_MS });
  } finally {
    await rm(`${folder}.tar`, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

/** Kept uncompressed: measured, half a gigabyte of disk buys 10 s. Images of earlier keys make room. */
async function keep(image: string, cached: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const old = (await readdir(cacheFolder())).filter((name) => /^base-[0-9a-f]+\.tar(\.new)?$/.test(name));
  await Promise.all(old.map((name) => rm(join(cacheFolder(), name))));
  await docker(['save', '--output', `${cached}.new`, image], { deadlineMs: BUILD_DEADLINE_MS });
  await rename(`${cached}.new`, cached);
  const tags = (await docker(['images', '--format', '{{.Repository}}:{{.Tag}}', REPOSITORY])).split('\n');
  // The engine keeps an image that a lab still runs on.
  for (const tag of tags.filter((each) => each !== image)) await tryDocker(['image', 'rm', tag]);
}

export async function hasImage(image: string): Promise<boolean> {
  return (await tryDocker(['image', 'inspect', '--format', '{{.Id}}', image])).exitCode === 0;
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
