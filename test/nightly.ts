import { Random } from './agent/simulation/random.ts';

/**
 * `npm run test:nightly` does everything at full count. The ordinary run takes samples of what is exhaustive and leaves out
 * what takes long; either is said, as a printed line or as a test that is skipped.
 */
export const isNightly = process.env['REFIT_NIGHTLY'] === '1';

/** Of this file's samples; REFIT_SAMPLE_SEED takes those of another run. */
const seed = Number(process.env['REFIT_SAMPLE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const HOW = `from seed ${seed} (REFIT_SAMPLE_SEED); all of them: npm run test:nightly`;

/** So many of them, in their order; at night all. `of`: what they are, for whoever reads the output. */
export function sample<Item>(of: string, items: readonly Item[], count: number): readonly Item[] {
  if (isNightly || count >= items.length) return items;
  console.info(`${of}: ${count} of ${items.length}, ${HOW}`);
  return draw(items, { count, seed });
}

/** Numbers from 1 to `last`, of so many in a row only one; at night all. */
export function sampleOfNumbers(of: string, last: number, apart: number): readonly number[] {
  const all = Array.from({ length: last }, (_, index) => index + 1);
  if (isNightly) return all;
  console.info(`${of}: one in ${apart}, ${HOW}`);
  return all.filter((each) => each % apart === seed % apart);
}

/** Seeds of a test by chance, from 1 on; REFIT_SEEDS=7,8 takes those. One that failed replays its choices, though not a server's timing. */
export function chanceSeeds(of: string, last: number, count: number): readonly number[] {
  const asked = process.env['REFIT_SEEDS'];
  if (asked !== undefined) return asked.split(',').map(Number);
  const all = Array.from({ length: last }, (_, index) => index + 1);
  return sample(of, all, count);
}

/** The same seed draws the same ones. */
export function draw<Item>(
  items: readonly Item[],
  { count, seed: from }: { readonly count: number; readonly seed: number },
): readonly Item[] {
  const random = new Random(from);
  const lots = items.map((_, index) => ({ index, lot: random.next() })).sort((one, other) => one.lot - other.lot);
  const drawn = new Set(lots.slice(0, count).map(({ index }) => index));
  return items.filter((_, index) => drawn.has(index));
}
