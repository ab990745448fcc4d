import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostClock } from '../../agent/host-clock.ts';
import { busMark, placesUnder, type Places } from '../../agent/places.ts';
import { busOnTrial } from '../../agent/trial/on-trial.ts';
import { writeTrial, type Stand } from '../../agent/trial/trial.ts';
import type { Bus, BusEntry } from '../../model/ports.ts';
import { eventually } from '../eventually.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { keys, me } from './test-host.ts';

const NEW = '2.0.0+new';
/** Time that a sign of life outlives its agent; ms. */
const TTL_MS = 5_000;

let folder: string;
let places: Places;
let memory: MemoryBus;
let stop: AbortController;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-on-trial-'));
  places = placesUnder(folder);
  memory = new MemoryBus();
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  rmSync(folder, { recursive: true, force: true });
});

function stand(phase: Stand): void {
  const agent = { version: NEW, config: '', unit: '' };
  const proof = { kind: 'bus', endpoints: [] } as const;
  const pair = { from: { ...agent, version: '1.0.0+old' }, to: agent };
  writeTrial(places, { v: 1, id: 't', ...pair, proof, proofMs: 1_000, wasActive: true, stand: phase });
}

const open = (bus: Bus = memory.connect()): Bus =>
  busOnTrial(bus, { places, clock: hostClock, version: NEW, hostKeys: keys.host(me) });

const put = async (key: string, value: string): Promise<void> => {
  await memory.connect().write({ conditions: [], puts: [{ key, value }] });
};

const live = (bus: Bus, value: string): void =>
  bus.keepAlive({ key: keys.alive(me), value: () => value, ttlMs: TTL_MS, signal: stop.signal });

/** What a watch has shown so far; null: nothing, not even that there is nothing. */
function watched(bus: Bus): () => readonly BusEntry[] | null {
  let seen: readonly BusEntry[] | null = null;
  bus.watch(keys.host(me), (entries) => (seen = entries), stop.signal);
  return () => seen;
}

test('an agent on trial shows life, leaves its mark once it has seen that, and hears no order', async () => {
  stand({ phase: 'trying', attempt: 1 });
  await put(keys.order(me), 'an order');
  const bus = open();
  const seen = watched(bus);

  live(bus, 'life');

  await eventually(() => existsSync(busMark(places)));
  expect(readFileSync(busMark(places), 'utf8')).toBe(NEW);
  expect(seen()).toBeNull();
});

test('when the trial is over it hears the order that waited', async () => {
  stand({ phase: 'trying', attempt: 1 });
  await put(keys.order(me), 'an order');
  const seen = watched(open());

  stand({ phase: 'proven' });

  await eventually(() => seen()?.some(({ value }) => value === 'an order') === true);
});

test('a sign of life that the agent before left there is no mark', async () => {
  stand({ phase: 'trying', attempt: 1 });
  await put(keys.alive(me), 'life of the old one');
  const silent: Bus = { ...memory.connect(), keepAlive: () => undefined };
  const shown = watched(memory.connect());

  live(open(silent), 'life of the new one');

  await eventually(() => shown() !== null);
  expect(existsSync(busMark(places))).toBe(false);
});

test.each<Stand>([{ phase: 'waiting' }, { phase: 'proven' }])(
  'with a trial that is $phase an agent has its bus as it is',
  (phase) => {
    stand(phase);
    const bus = memory.connect();

    expect(open(bus)).toBe(bus);
  },
);
