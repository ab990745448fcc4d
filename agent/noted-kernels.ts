import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from './durable.ts';
import { kernelsFile, type Places } from './places.ts';

/** Kernels that releases brought, in order. */
const Noted = z.array(
  z.object({
    /** Of the upgrade that brought it. */
    journal: z.string(),
    kernel: z.string(),
    package: z.string(),
    /** What ran before: where the way back of this upgrade leads to. */
    earlier: z.string(),
    /** false: an administrator's; it was there before. */
    isOwn: z.boolean(),
  }),
);
export type NotedKernel = z.infer<typeof Noted>[number];

export function notedKernels(places: Places): readonly NotedKernel[] {
  const file = kernelsFile(places);
  if (!existsSync(file)) return [];
  const parsed = Noted.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  // A file that nobody can read names nothing that may be removed.
  return parsed.success ? parsed.data : [];
}

/** Of those that refit installed itself, the ones that do not run, and that no way back leads to any more. */
export function outlivedKernels(places: Places, running: string): readonly NotedKernel[] {
  const noted = notedKernels(places);
  const needed = noted.filter(({ journal }) => existsSync(join(places.journal, `${journal}.jsonl`)));
  const kept = new Set([running, ...needed.map(({ earlier }) => earlier)]);
  return noted.filter(({ isOwn, kernel }) => isOwn && !kept.has(kernel));
}

export function noteKernel(places: Places, note: NotedKernel): void {
  const others = notedKernels(places).filter(
    ({ journal, kernel }) => journal !== note.journal || kernel !== note.kernel,
  );
  write(places, [...others, note]);
}

export function forgetKernels(places: Places, isForgotten: (note: NotedKernel) => boolean): void {
  const noted = notedKernels(places);
  if (noted.some(isForgotten))
    write(
      places,
      noted.filter((note) => !isForgotten(note)),
    );
}

const write = (places: Places, noted: readonly NotedKernel[]): void =>
  writeDurably(kernelsFile(places), `${JSON.stringify(noted)}\n`);
