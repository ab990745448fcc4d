import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { docker } from '../../../lab/docker.ts';
import { ensureHostImage } from '../../../lab/host-image.ts';
import { cacheFolder } from '../../../lab/paths.ts';
import { repack } from './repack.ts';

/** Package lists and 60 MB over a slow line; ms. */
const DOWNLOAD_MS = 300_000;

/** Packages of an engine, each with the program that says its version. */
const PROGRAMS = { 'docker.io': 'usr/sbin/dockerd', containerd: 'usr/bin/containerd' } as const;
/** Docker's own command line, in the same package. */
const CLIENT = 'usr/bin/docker';
type Name = keyof typeof PROGRAMS;
const names = ['docker.io', 'containerd'] as const satisfies readonly Name[];

/** next: says another version of itself · failing: ends at once · unconfigured: its own script fails in dpkg's hands */
export const engineVariants = ['next', 'failing', 'unconfigured'] as const;
export type EngineVariant = (typeof engineVariants)[number];

export type EnginePackage = {
  readonly name: Name;
  readonly file: string;
  /** Of the program itself, as /version has it. */
  readonly version: string;
};

/** Debian's docker.io and containerd, the very ones that the lab's hosts have: from the cache, else from the archive. */
export async function enginePackages(): Promise<readonly EnginePackage[]> {
  const image = await ensureHostImage((line) => void process.stderr.write(`${line}\n`));
  const cached = join(cacheFolder(), `engine-packages-${image.split(':').at(-1) ?? ''}`);
  const found = await packagesIn(cached);
  if (found.length === names.length) return found;
  await mkdir(cacheFolder(), { recursive: true });
  const partial = await mkdtemp(`${cached}.`);
  await download(image, partial);
  await rm(cached, { recursive: true, force: true });
  await rename(partial, cached);
  return packagesIn(cached);
}

async function download(image: string, folder: string): Promise<void> {
  const wanted = names.map((name) => `${name}=$(dpkg-query -W -f '\${Version}' ${name})`).join(' ');
  const script = `cd /out && apt-get update -q && apt-get download -q ${wanted}`;
  const args = ['run', '--rm', '--network=host', `--volume=${folder}:/out`, image, 'sh', '-c', script];
  await docker(args, { deadlineMs: DOWNLOAD_MS });
}

async function packagesIn(folder: string): Promise<readonly EnginePackage[]> {
  const files = await readdir(folder).catch((): readonly string[] => []);
  return names.flatMap((name) => {
    const file = files.find((one) => one.startsWith(`${name}_`));
    const version = /_(\d+\.\d+\.\d+)/.exec(file ?? '')?.[1];
    return file === undefined || version === undefined ? [] : [{ name, file: join(folder, file), version }];
  });
}

/** What `next` says that it is: the patch release after the one it was made of, in as many digits. */
export const nextVersion = (version: string): string =>
  version.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));

/** Those that never run lack their programs, and so are small. */
export const repackEngine = (
  { name, file, version }: EnginePackage,
  variant: EngineVariant,
  to: string,
): Promise<void> =>
  repack({
    ...{ source: file, to, mark: `+${variant}` },
    edit: async (tree) => {
      const program = join(tree, PROGRAMS[name]);
      switch (variant) {
        case 'next': {
          const bytes = (await readFile(program)).toString('latin1');
          return writeFile(program, Buffer.from(bytes.replaceAll(version, nextVersion(version)), 'latin1'));
        }
        case 'failing':
          await rm(join(tree, CLIENT));
          return writeFile(program, '#!/bin/sh\nexit 1\n');
        case 'unconfigured': {
          await Promise.all([rm(program), rm(join(tree, CLIENT))]);
          const script = join(tree, 'DEBIAN/postinst');
          return writeFile(script, (await readFile(script, 'utf8')).replace(/\n/, '\nexit 1\n'));
        }
      }
    },
  });
