import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeDurably } from './durable.ts';
import { kernelsFile, type Places } from './places.ts';

/** Kernels that refit installed, oldest first. */
const Installed = z.array(z.object({ kernel: z.string(), package: z.string() }));
export type InstalledKernels = z.infer<typeof Installed>;

/** Confirmed ones that stay for the way back: as many as upgrades can be taken back, and the one before them. */
const KEPT = 4;

export function installedKernels(places: Places): InstalledKernels {
  const file = kernelsFile(places);
  if (!existsSync(file)) return [];
  const parsed = Installed.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  // A file that nobody can read names nothing that may be removed.
  return parsed.success ? parsed.data : [];
}

/** Of those that refit installed itself, never the one that runs, nor one that may still be gone back to. Pure. */
export const outlivedKernels = (installed: InstalledKernels, running: string): InstalledKernels =>
  installed.slice(0, -KEPT).filter(({ kernel }) => kernel !== running);

export function rememberKernel(places: Places, { kernel, package: name }: InstalledKernels[number]): void {
  const others = installedKernels(places).filter((one) => one.kernel !== kernel);
  write(places, [...others, { kernel, package: name }]);
}

export function forgetKernel(places: Places, kernel: string): void {
  const installed = installedKernels(places);
  if (installed.some((one) => one.kernel === kernel)) {
    write(
      places,
      installed.filter((one) => one.kernel !== kernel),
    );
  }
}

const write = (places: Places, installed: InstalledKernels): void =>
  writeDurably(kernelsFile(places), `${JSON.stringify(installed)}\n`);
