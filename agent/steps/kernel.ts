import { existsSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { KernelStep } from '../../model/release.ts';
import {
  beginKernelTrial,
  forgetKernelTrial,
  hasConfirmUnit,
  kernelOnTrial,
  removeKernelTrial,
} from '../boot-loader/boot-confirm.ts';
import { needBootLoader } from '../boot-loader/find.ts';
import { mustRun } from '../commands.ts';
import { freeSpace } from '../disk-space.ts';
import { isInstalled, readPackages, stateOf, type PackageStatus } from '../dpkg-status.ts';
import { forgetKernels, noteKernel } from '../noted-kernels.ts';
import { installPackages, needWhole, probePackages, versionOf } from './debian-packages.ts';
import { dpkg, repair } from './dpkg.ts';
import { releaseFile, type StepKind, type StepSite } from './kind.ts';

/** Longest run of a program of the boot loader; ms. update-grub looks at every disk. */
export const BOOT_LOADER_MS = 300_000;
/** Room on /boot for image, map and initial RAM disk, as a multiple of the package's file. */
const BOOT_FACTOR = 2;

/** The host as it was. `saved`: what the boot loader had written down as its default. */
const Before = z.object({
  running: z.string(),
  saved: z.string().nullable(),
  isNew: z.boolean(),
  wasPrepared: z.boolean(),
  hadConfirmUnit: z.boolean(),
});
type Before = z.infer<typeof Before>;

/**
 * Installs a kernel beside the one that runs, and has the boot loader start it once. Whatever happens in between, and with
 * whatever kernel, the host comes back on the one that runs now.
 */
export function kernelKind(running: () => string): StepKind<KernelStep> {
  return {
    check: (step, site) => {
      const loader = needBootLoader(site.places);
      if (!isThere(step, site) || !loader.isPrepared()) return Promise.resolve(false);
      const isArmed = loader.once() === step.kernel && kernelOnTrial(site.places) === step.kernel;
      return Promise.resolve(running() === step.kernel || isArmed);
    },
    capture: (step, site) => Promise.resolve(capture(step, site, running())),
    apply: async (step, site) => {
      const { places } = site;
      const before = Before.parse(site.before);
      const loader = needBootLoader(places);
      const run = runOf(site);
      await loader.prepare(before.running, run);
      const brought = { kernel: step.kernel, package: step.package.name };
      noteKernel(places, { ...brought, journal: site.journal, earlier: before.running, isOwn: before.isNew });
      if (!isThere(step, site)) await installPackages({ packages: [step.package] }, [], site);
      needStartable(step, site);
      // Image and menu in their places on the disk, for GRUB as well, which reads no journal.
      await run(['sync', '-f', places.on('/boot')]);
      const back = loader.setDefaultCommand(before.running);
      beginKernelTrial(places, { kernel: step.kernel, withinMs: step.confirmWithinMs, back });
      // Nothing comes after it: from here on any start, asked for or not, is the new kernel's.
      await loader.startOnce(step.kernel, run);
    },
    verify: (step, site) => {
      const { name } = step.package;
      const measured = { kernel: running(), [`package:${name}`]: versionOf(statusOf(name, site)) };
      const problem = running() === step.kernel ? null : `kernel ${running()} runs, expected ${step.kernel}`;
      return Promise.resolve({ problem, measured });
    },
    undo: async (step, site) => {
      const isOnTrial = running() === step.kernel && kernelOnTrial(site.places) === step.kernel;
      try {
        await startEarlier(site);
      } catch (error) {
        // It was never the default, and its one start is used up: any restart is the way back, also from a kernel that can't
        // read or write /boot.
        if (!isOnTrial) throw error;
      }
      // On trial it stays so: should the restart hang, the trial's end makes another.
      if (!isOnTrial) forgetKernelTrial(site.places);
    },
    settle: async (step, site) => {
      const { journal, places } = site;
      const before = Before.parse(site.before);
      await startEarlier(site);
      forgetKernelTrial(places);
      if (before.isNew) await purge(step.package.name, site);
      forgetKernels(places, (note) => note.kernel === step.kernel && (before.isNew || note.journal === journal));
      if (!before.hadConfirmUnit) removeKernelTrial(places);
      if (!before.wasPrepared) await needBootLoader(places).restore(before.saved, runOf(site));
    },
    probe: async (step, site) => {
      const loader = needBootLoader(site.places);
      const room = roomProblem(step, site);
      if (room !== null) return { ok: false, evidence: room };
      const { ok, evidence } = await probePackages({ packages: [step.package] }, site);
      return { ok, evidence: `${loader.name} can fall back; ${evidence}` };
    },
    needsRestart: (_step, site) => Promise.resolve(Before.parse(site.before).running !== running()),
  };
}

/** From here on every start is the earlier kernel's. */
async function startEarlier(site: StepSite): Promise<void> {
  const loader = needBootLoader(site.places);
  await loader.setDefault(Before.parse(site.before).running, runOf(site));
  await loader.clearOnce(runOf(site));
}

/** Runs a program of the boot loader's. */
export const runOf =
  ({ signal }: Pick<StepSite, 'signal'>) =>
  async (command: readonly string[]): Promise<void> => {
    await mustRun(command, { timeoutMs: BOOT_LOADER_MS, signal });
  };

export async function purge(name: string, site: StepSite): Promise<void> {
  await repair(site);
  if (stateOf(statusOf(name, site)) !== 'absent') await dpkg(site, ['--purge', '--force-remove-reinstreq', name]);
}

function capture(step: KernelStep, site: StepSite, running: string): Before {
  const loader = needBootLoader(site.places);
  const { name, version } = step.package;
  const found = statusOf(name, site);
  needWhole(name, found);
  if (isInstalled(found) && found.version !== version) {
    const overwrites = `${name} ${found.version} is installed, and ${version} would overwrite it`;
    throw new Error(`${overwrites}: a kernel needs a name of its own, or there is none to go back to`);
  }
  if (!loader.kernels().includes(running) || !existsSync(imageOf(site, running))) {
    const missing = `kernel ${running} runs, but ${loader.name} could not start it again`;
    throw new Error(`${missing}; install its package, and restart the host once`);
  }
  const isNew = !isInstalled(found);
  const room = isNew ? roomProblem(step, site) : null;
  if (room !== null) throw new Error(room);
  return {
    ...{ running, saved: loader.saved(), isNew },
    ...{ wasPrepared: loader.isPrepared(), hadConfirmUnit: hasConfirmUnit(site.places) },
  };
}

/** What is not whole now would be found by the boot loader, which can only give up on it. */
function needStartable({ kernel, package: { name } }: KernelStep, site: StepSite): void {
  const initrd = site.places.on(`/boot/initrd.img-${kernel}`);
  for (const file of [imageOf(site, kernel), initrd]) {
    if (!existsSync(file) || statSync(file).size === 0) {
      throw new Error(`${name} is installed, and ${file} is not there or empty; look at what its scripts said`);
    }
  }
}

function roomProblem(step: KernelStep, site: StepSite): string | null {
  const needed = statSync(releaseFile(site, step.package.file)).size * BOOT_FACTOR;
  const space = freeSpace(site.places.on('/boot'));
  if (space.isWritable && space.freeBytes >= needed) return null;
  const why = space.isWritable ? `${space.freeBytes} bytes free, about ${needed} needed` : 'not writable';
  return `no room for a second kernel on ${space.folder}: ${why}; remove kernels that are not used any more`;
}

const imageOf = ({ places }: StepSite, kernel: string): string => places.on(`/boot/vmlinuz-${kernel}`);

const statusOf = (name: string, { places }: StepSite): PackageStatus | undefined =>
  readPackages(places.root, new Set([name])).get(name);

const isThere = ({ package: { name, version } }: KernelStep, site: StepSite): boolean =>
  versionOf(statusOf(name, site)) === version;
