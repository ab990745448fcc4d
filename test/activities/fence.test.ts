import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placeOrder } from '../../activities/host-order.ts';
import { createClaimEpoch } from '../../activities/epoch.ts';
import * as values from '../../drivers/bus-values.ts';
import { busKeys, compareOrders, type Order } from '../../model/bus.ts';
import { parseHostId } from '../../model/ids.ts';
import type { Bus, BusEntry, BusPut } from '../../model/ports.ts';
import { fleetId } from '../fakes/fleet.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { releaseRef } from '../fakes/release.ts';
import { at, newEnvironment, upgradeId } from './harness.ts';

const hosts = ['host-1', 'host-2'].map(parseHostId);
const keys = busKeys(fleetId);

/** Time without waiting: the bus's own turns are what interleaves the workers. */
const clock = { now: () => 0, sleep: async (): Promise<void> => Promise.resolve() };

/** A worker's turn: it reads and writes in as many steps as it needs, each after a pause of so many turns of the others. */
type Turn = {
  readonly host: number;
  readonly run: number;
  readonly sequence: number;
  readonly pauses: readonly number[];
};

const anyTurn: fc.Arbitrary<Turn> = fc.record({
  host: fc.integer({ min: 0, max: 1 }),
  run: fc.integer({ min: 0, max: 3 }),
  sequence: fc.integer({ min: 1, max: 3 }),
  pauses: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 }),
});
const anyFault = fc.constantFrom('none', 'none', 'none', 'applied', 'dropped');

it('whatever workers do at the same time, orders only ever rise, and a fenced run never writes', async () => {
  const seed = Number(process.env['REFIT_SEED'] ?? Date.now() % 1_000_000);
  console.info(`seed ${seed}: replay with REFIT_SEED=${seed}`);
  await fc.assert(
    fc.asyncProperty(fc.array(anyTurn, { minLength: 1, maxLength: 8 }), fc.array(anyFault), async (turns, faults) => {
      const store = new MemoryBus();
      const seen: Seen[] = [];

      await Promise.allSettled(turns.map(async (turn) => take(store, turn, { faults, seen })));

      for (const [index, { order, before, epoch }] of seen.entries()) {
        expect(order.epoch, `write ${index} was fenced`).toBe(epoch);
        if (before !== null) expect(compareOrders(before, order), `write ${index} rises`).toBeLessThan(0);
      }
    }),
    { seed, numRuns: 300 },
  );
});

/** An order as it was written: over which one, and which epoch was on the bus then. */
type Seen = { readonly order: Order; readonly before: Order | null; readonly epoch: number };
type World = { readonly faults: readonly string[]; readonly seen: Seen[] };

/** Claims the epoch of its run, sleeps, and orders. */
async function take(store: MemoryBus, turn: Turn, world: World): Promise<void> {
  const ports = { bus: slow(store, turn, world), clock, values };
  await newEnvironment().run(async () => {
    const run = { fleet: fleetId, upgrade: upgradeId, run: `run-${turn.run}`, startedAt: turn.run };
    const { epoch } = await createClaimEpoch(ports)(run);
    const order: Order = {
      ...{ v: 1, upgrade: upgradeId, hop: 0, epoch, sequence: turn.sequence, action: 'install' },
      ...{ release: releaseRef(), step: null, service: null, edited: null, start: 'now', deadlineMs: 1 },
    };
    await placeOrder(ports, { fleet: fleetId, host: at(hosts, turn.host) }, order);
  });
}

/** Every call waits for some turns of the others first, and now and then an answer is lost. */
function slow(store: MemoryBus, { pauses }: Turn, { faults, seen }: World): Bus {
  const bus = store.connect();
  let calls = 0;
  const wait = async (): Promise<void> => {
    for (let turn = pauses[calls++ % pauses.length] ?? 0; turn > 0; turn--) await Promise.resolve();
  };
  return {
    ...bus,
    read: async (name) => (await wait(), bus.read(name)),
    write: async (change) => {
      await wait();
      const fault = faults[calls % Math.max(1, faults.length)];
      if (fault === 'applied' || fault === 'dropped') store.loseNextAnswer(fault);
      const before = store.under(keys.hosts);
      const outcome = bus.write(change);
      // The store takes the write in the next turn, and nobody else has one between that and this.
      await Promise.resolve();
      const now = store.under('');
      // A write whose answer is lost may have been made by somebody else: the next ones tell what it did.
      if ((await outcome).outcome === 'ok') seen.push(...readOrders(change.puts, { before, now }));
      return outcome;
    },
  };
}

/** Orders among what was written. */
function readOrders(
  puts: readonly BusPut[],
  { before, now }: { readonly before: readonly BusEntry[]; readonly now: readonly BusEntry[] },
): readonly Seen[] {
  const epoch = parsed(values.parseEpoch(now.find(({ key }) => key === keys.epoch)?.value ?? ''))?.epoch ?? 0;
  return puts.flatMap(({ key, value }) => {
    const order = key.startsWith(keys.hosts) ? parsed(values.parseOrder(value)) : null;
    const was = before.find((entry) => entry.key === key)?.value ?? '';
    return order === null ? [] : [{ order, epoch, before: parsed(values.parseOrder(was)) }];
  });
}

const parsed = <Value>(one: { ok: true; value: Value } | { ok: false }): Value | null => (one.ok ? one.value : null);
