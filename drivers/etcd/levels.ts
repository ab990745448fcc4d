import type { IEvent } from 'etcd3';
import type { BusEntry } from '../../model/ports.ts';
import { toEntry } from './listing.ts';

/**
 * Below this many entries every change is told at once. Above it, changes are merged, so that telling 30,000 entries of a
 * large fleet at each of its reports does not fill a core: a pause of 5 µs per entry since the last telling.
 */
const TOLD_AT_ONCE = 1_000;
const PAUSE_MS_PER_ENTRY = 0.005;

/** The entries under a prefix as known now. An entry that did not change stays the same object. */
export class Levels {
  #entries = new Map<string, BusEntry>();
  #hasTold = false;
  #toldAt = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #tell: (entries: readonly BusEntry[]) => void;
  readonly #signal: AbortSignal;

  constructor(tell: (entries: readonly BusEntry[]) => void, signal: AbortSignal) {
    this.#tell = tell;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#clearTimer(), { once: true });
  }

  replace(entries: readonly BusEntry[]): void {
    const before = this.#entries;
    this.#entries = new Map(entries.map((entry) => [entry.key, sameOr(before.get(entry.key), entry)]));
    const isSame =
      before.size === this.#entries.size && entries.every(({ key }) => before.get(key) === this.#entries.get(key));
    if (!this.#hasTold || !isSame) this.#changed();
  }

  apply(events: readonly IEvent[]): void {
    for (const { type, kv } of events) {
      const entry = toEntry(kv);
      if (type === 'Delete') this.#entries.delete(entry.key);
      else this.#entries.set(entry.key, entry);
    }
    if (events.length > 0) this.#changed();
  }

  #changed(): void {
    if (this.#timer !== null) return;
    const size = this.#entries.size;
    const waitMs = size <= TOLD_AT_ONCE ? 0 : this.#toldAt + size * PAUSE_MS_PER_ENTRY - performance.now();
    if (waitMs <= 0) this.#tellNow();
    else this.#timer = setTimeout(() => this.#tellNow(), waitMs);
  }

  #tellNow(): void {
    this.#clearTimer();
    if (this.#signal.aborted) return;
    this.#hasTold = true;
    try {
      this.#tell([...this.#entries.values()].sort(byKey));
    } catch (error) {
      // A bug of the listener is not the endpoint's fault: it goes past the watch, to the process's border.
      setImmediate(() => {
        throw error;
      });
    }
    this.#toldAt = performance.now();
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

const byKey = (a: BusEntry, b: BusEntry): number => (a.key < b.key ? -1 : 1);

/** After a wipe the same revision may carry another value. */
function sameOr(before: BusEntry | undefined, entry: BusEntry): BusEntry {
  return before?.revision === entry.revision && before.value === entry.value ? before : entry;
}
