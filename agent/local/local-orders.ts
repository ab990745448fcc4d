import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { compareOrders } from '../../model/bus.ts';
import type { Bus, BusEntry } from '../../model/ports.ts';
import { encodeBusValue, parseOrder } from '../../drivers/bus-values.ts';
import type { Log } from '../ports.ts';
import { readLocalOrder } from './order-file.ts';

/** How often the file is looked at beside the watch, which may lose events: one stat; ms. */
const LOOK_MS = 5_000;

export type LocalOrders = {
  /** Its folder is there. */
  readonly file: string;
  /** Of this host on the bus. */
  readonly keys: { readonly host: string; readonly order: string };
  readonly log: Log;
};

/**
 * The bus, with the order of the host's own folder laid over it: of the two the higher one is seen, so that neither a
 * worker nor whoever stands beside the host has to know of the other. A local order is input as one of the bus is.
 */
export function withLocalOrders(bus: Bus, local: LocalOrders): Bus {
  return {
    ...bus,
    watch: (prefix, onEntries, signal) => {
      if (prefix !== local.keys.host) {
        bus.watch(prefix, onEntries, signal);
        return;
      }
      let entries: readonly BusEntry[] = [];
      let order: BusEntry | null = null;
      const tell = (): void => onEntries(layOver(entries, order));
      const onOrder = (found: BusEntry | null): void => {
        order = found;
        tell();
      };
      followFile(local, onOrder, signal);
      const onBus = (found: readonly BusEntry[]): void => {
        entries = found;
        tell();
      };
      bus.watch(prefix, onBus, signal);
    },
  };
}

/** An order of the bus that can't be read is obeyed by nobody, so it hides none; one that is equal is a stand-down. */
function layOver(entries: readonly BusEntry[], local: BusEntry | null): readonly BusEntry[] {
  const order = local === null ? null : parseOrder(local.value);
  if (local === null || order?.ok !== true) return entries;
  const onBus = entries.find(({ key }) => key === local.key);
  const other = onBus === undefined ? null : parseOrder(onBus.value);
  if (other?.ok === true && compareOrders(other.value, order.value) > 0) return entries;
  return [...entries.filter(({ key }) => key !== local.key), local];
}

/** Calls back at first if there is an order, and whenever it has become another. */
function followFile(
  { file, keys, log }: LocalOrders,
  onOrder: (order: BusEntry | null) => void,
  signal: AbortSignal,
): void {
  let last: string | null = null;
  const look = (): void => {
    if (signal.aborted) return;
    const read = readLocalOrder(file);
    const seen = read === null ? null : read.ok ? encodeBusValue(read.value) : read.problem;
    if (seen === last) return;
    last = seen;
    if (read?.ok === false) log('local order refused', { problem: read.problem });
    // Its text is its revision: the file has no other.
    onOrder(read?.ok === true && seen !== null ? { key: keys.order, value: seen, revision: 'local' } : null);
  };
  const timer = setInterval(look, LOOK_MS);
  const watcher = watchFolder(dirname(file), look, log);
  const end = (): void => {
    clearInterval(timer);
    watcher?.close();
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  setImmediate(look);
}

/** null: the kernel watches nothing more; the look every few seconds is left. */
function watchFolder(folder: string, onChange: () => void, log: Log): FSWatcher | null {
  const problem = (error: unknown): void => log('local folder not watched', { error: String(error) });
  try {
    const watcher = watch(folder, onChange);
    watcher.on('error', problem);
    return watcher;
  } catch (error) {
    problem(error);
    return null;
  }
}
