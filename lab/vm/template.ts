import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { docker, tryDocker } from '../docker.ts';
import { buildImage, ensureBase, ensureHostImage, hasImage, isFile, sourceKey } from '../host-image.ts';
import { cacheFolder } from '../paths.ts';
import type { Say } from '../programs.ts';
import { chooseAccelerator, type Accelerator } from './accelerator.ts';
import { emulator, machineOptions } from './emulator.ts';

const MACHINE = 'refit-lab-machine';
const GUEST = 'refit-lab-guest';
const guestSource = join(import.meta.dirname, 'guest-image');
const machineSource = join(import.meta.dirname, 'machine-image');

/** Measured: 76 s on two idle cores, emulated; ms. */
const MAKE_DEADLINE_MS = 15 * 60_000;
/** The guest's whole disk goes through it; ms. */
const EXPORT_DEADLINE_MS = 5 * 60_000;

/** From which every machine of a lab is started. */
export type Template = {
  readonly accelerator: Accelerator;
  /** Image of the container that the emulator runs in. */
  readonly image: string;
  /** On this machine: disk, saved memory, the key to it, and kernels.json. */
  readonly folder: string;
};

/** What machines start with, and another for releases to bring; `file`: Debian's package, on this machine. */
const Kernels = z.object({
  installed: z.object({ kernel: z.string() }),
  next: z.object({ file: z.string(), package: z.string(), version: z.string(), kernel: z.string() }),
});
export type Kernels = z.infer<typeof Kernels>;

/** The template: out of the cache, else made; outdated ones make room. */
export async function ensureTemplate(say: Say): Promise<Template> {
  const accelerator = await chooseAccelerator();
  const image = `${MACHINE}:${await sourceKey(machineSource)}`;
  if (!(await hasImage(image))) {
    say('installing an emulator into the image of the lab’s machines (about 15 s)');
    await buildImage({ image, folder: machineSource, base: await ensureBase(say) });
  }
  const host = await ensureHostImage(say);
  const name = `vm-${await keyOf([image, host, ...emulator(accelerator)])}`;
  const folder = join(cacheFolder(), name);
  if (!(await isFile(join(folder, 'kernels.json')))) await make({ accelerator, image, folder }, host, say);
  await removeOthers(image, name);
  return { accelerator, image, folder };
}

/** Read from the template, so that a test's release has a kernel that fits its hosts. */
export async function readKernels({ folder }: Pick<Template, 'folder'>): Promise<Kernels> {
  const { installed, next } = Kernels.parse(JSON.parse(await readFile(join(folder, 'kernels.json'), 'utf8')));
  return { installed, next: { ...next, file: join(folder, next.file) } };
}

/** Saved memory fits the very emulator and command line that it was saved from. */
async function keyOf(parts: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(await sourceKey(guestSource));
  return hash.update(parts.join(' ')).digest('hex').slice(0, 12);
}

async function make({ accelerator, image, folder }: Template, base: string, say: Say): Promise<void> {
  const making = `${folder}.new`;
  const guest = `${GUEST}:making`;
  say('making the disk of the lab’s machines from Debian packages, and starting it once (about 2 minutes)');
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true, mode: 0o700 });
  await buildImage({ image: guest, folder: guestSource, base });
  const container = await docker(['create', guest, 'true']);
  try {
    const options = { deadlineMs: EXPORT_DEADLINE_MS };
    await docker(['export', '--output', join(making, 'root.tar'), container], options);
  } finally {
    await docker(['rm', container]);
    await tryDocker(['image', 'rm', guest]);
  }
  const args = ['run', '--rm', ...machineOptions(accelerator), `--volume=${making}:/template`, image, 'make-template'];
  await docker([...args, ...emulator(accelerator)], { deadlineMs: MAKE_DEADLINE_MS });
  await writeFile(join(making, 'kernels.json'), JSON.stringify(await findKernels(making)));
  await rename(making, folder);
}

/** Its name in the archive says all: linux-image-<kernel>_<version>_amd64.deb. */
async function findKernels(folder: string): Promise<Kernels> {
  const installed = (await readFile(join(folder, 'kernel'), 'utf8')).trim();
  const file = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  const [, kernel, version] = /^linux-image-([^_]+)_([^_]+)_/.exec(file ?? '') ?? [];
  if (file === undefined || kernel === undefined || version === undefined) {
    throw new Error(`${folder} has no package of a second kernel; remove the folder and bring the lab up again`);
  }
  if (kernel === installed)
    throw new Error(`the package archive has no second kernel beside ${kernel}; try again later`);
  return { installed: { kernel: installed }, next: { file, package: `linux-image-${kernel}`, version, kernel } };
}

async function removeOthers(image: string, name: string): Promise<void> {
  const old = (await readdir(cacheFolder())).filter((each) => /^vm-[0-9a-f]{12}(\.new)?$/.test(each) && each !== name);
  for (const folder of old.map((each) => join(cacheFolder(), each))) {
    const users = await docker(['ps', '--all', '--quiet', '--filter', `volume=${folder}`]);
    if (users === '') await rm(folder, { recursive: true, force: true });
  }
  const tags = (await docker(['images', '--format', '{{.Repository}}:{{.Tag}}', MACHINE])).split('\n');
  // The engine keeps an image that a lab still runs on.
  for (const tag of tags.filter((each) => each !== '' && each !== image)) await tryDocker(['image', 'rm', tag]);
}
