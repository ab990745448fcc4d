import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ContainerEngine } from '../../model/engine.ts';
import { writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';
import type { StepSite } from './kind.ts';

/** Containers that are kept, stopped, for a way back; each goes when its journal has gone. */
const Kept = z.array(
  z.object({
    journal: z.string(),
    container: z.string(),
    /** null: noted by an earlier version, under the whole name that it is kept under. */
    id: z.string().nullable().default(null),
  }),
);
type Kept = z.infer<typeof Kept>;

/** Notes the container before it is replaced, so that it is never forgotten, and removes those that nobody needs any more. */
export async function noteKept(
  engine: ContainerEngine,
  { places, journal, signal }: StepSite,
  kept: { readonly container: string; readonly id: string },
): Promise<void> {
  const noted = readKept(places);
  const isNeeded = (one: Kept[number]): boolean =>
    one.journal === journal || existsSync(join(places.journal, `${one.journal}.jsonl`));
  const needed = [...noted.filter((one) => isNeeded(one) && !(one.journal === journal && one.id === kept.id))];
  needed.push({ journal, ...kept });
  writeDurably(fileOf(places), `${JSON.stringify(needed)}\n`);
  // A container that came back and is replaced again is noted twice, and kept once.
  const unneeded = noted.filter(
    (one) => !needed.some(({ id, container }) => id === one.id && container === one.container),
  );
  for (const { container, id } of unneeded) {
    if (id === null) await engine.removeContainer(container, { force: true, signal });
    else await engine.discardKept(container, id, signal);
  }
}

function readKept(places: Places): Kept {
  const path = fileOf(places);
  return existsSync(path) ? Kept.parse(JSON.parse(readFileSync(path, 'utf8'))) : [];
}

const fileOf = (places: Places): string => join(places.state, 'kept-containers.json');
