import { busKeys, type Epoch } from '../model/bus.ts';
import type { FleetId } from '../model/ids.ts';
import type { BusCondition, BusEntry, BusPut } from '../model/ports.ts';
import { fenced } from './failure.ts';
import type { Ports } from './ports.ts';

/** How often a write that was refused or got no answer is read back and tried again. Contention is two attempts, not ten. */
const MAX_ATTEMPTS = 10;
/** Pause before a write is tried again; ms. */
const PAUSE_MS = 20;

export type Fence = { readonly fleet: FleetId; readonly epoch: number };
export type Change = { readonly puts: readonly BusPut[]; readonly deletes?: readonly string[] };

/**
 * The only way activities write to the bus once the epoch is claimed.
 *
 * 1. One transaction: the epoch key as it was read, and every key of the change as it was read. A worker that was suspended
 *    and wakes writes nothing when its work was given to another.
 * 2. A higher epoch on the bus: this run is fenced off, for good.
 * 3. A lower one, or none: the bus was wiped or restored from an old copy. Epochs only ever rise, so the run with the
 *    higher one is the later one: it puts its epoch back in the same transaction.
 * 4. A lost answer is settled by reading: `decide` sees its own value and returns null.
 */
export async function writeFenced(
  ports: Pick<Ports, 'bus' | 'clock' | 'values'>,
  fence: Fence,
  change: {
    readonly keys: readonly string[];
    readonly decide: (entries: readonly (BusEntry | null)[]) => Change | null;
  },
): Promise<void> {
  const epochKey = busKeys(fence.fleet).epoch;
  let last = '';
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const keys = [epochKey, ...change.keys];
    const entries = await Promise.all(keys.map(async (key) => ports.bus.read(key)));
    const restored = guardEpoch(ports, fence, entries[0] ?? null);
    const wanted = change.decide(entries.slice(1));
    if (wanted === null) return;
    const result = await ports.bus.write({
      conditions: keys.map((key, index): BusCondition => ({ key, revision: entries[index]?.revision ?? null })),
      puts: [...restored, ...wanted.puts],
      deletes: wanted.deletes ?? [],
    });
    if (result.outcome === 'ok') return;
    last = result.outcome === 'unknown' ? `no answer: ${result.cause}` : 'refused';
    await ports.clock.sleep(PAUSE_MS * attempt);
  }
  throw new Error(`could not write ${change.keys.join(', ')} in ${MAX_ATTEMPTS} attempts; the last was ${last}`);
}

/** What has to be put back, or nothing; throws when another run has taken over. */
function guardEpoch(ports: Pick<Ports, 'values'>, { fleet, epoch }: Fence, entry: BusEntry | null): readonly BusPut[] {
  const key = busKeys(fleet).epoch;
  const parsed = entry === null ? null : ports.values.parseEpoch(entry.value);
  if (parsed !== null && !parsed.ok) throw new Error(`${key}: ${parsed.problem}`);
  const found = parsed?.value.epoch ?? 0;
  if (found > epoch) throw fenced(`fleet ${fleet} was taken over by epoch ${found}; this run had epoch ${epoch}`);
  if (found === epoch) return [];
  // The run is not known here, and the start of none: whoever claims next may claim over it.
  const restored: Epoch = { v: 1, epoch, run: 'restored', startedAt: 0 };
  return [{ key, value: ports.values.encodeBusValue(restored) }];
}
