import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';

/** Containers that are kept, stopped, for a way back; each goes when its journal has gone. */
const Kept = z.array(z.object({ journal: z.string(), container: z.string() }));
type Kept = z.infer<typeof Kept>;

/** Notes a container before it is renamed, so that it is never forgotten. Answers with those that nobody needs any more. */
export function keepContainer(places: Places, journal: string, container: string): readonly string[] {
  const noted = readKept(places);
  const needed = noted.filter(
    (one) => one.journal === journal || existsSync(join(places.journal, `${one.journal}.jsonl`)),
  );
  const own = needed.some((one) => one.container === container) ? [] : [{ journal, container }];
  writeDurably(fileOf(places), `${JSON.stringify([...needed, ...own])}\n`);
  return noted.filter((one) => !needed.includes(one)).map((one) => one.container);
}

function readKept(places: Places): Kept {
  const path = fileOf(places);
  return existsSync(path) ? Kept.parse(JSON.parse(readFileSync(path, 'utf8'))) : [];
}

const fileOf = (places: Places): string => join(places.state, 'kept-containers.json');
