import type { Bus, BusEntry, WriteOutcome } from '../../model/ports.ts';

/** An etcd in this process: one store, any number of buses on it, and faults on demand. Held to test/drivers/bus-contract.ts. */
export class MemoryBus {
  #entries = new Map<string, BusEntry>();
  #revision = 1;
  readonly #watchers = new Set<() => void>();
  #isDown = false;
  #lost: 'applied' | 'dropped' | null = null;

  /** One client's bus. Closing it ends its watches and lets its kept keys go after their time. */
  connect(): Bus {
    const closing = new AbortController();
    const until = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, closing.signal]);
    return {
      read: async (key) => (await this.#reach(), this.#entries.get(key) ?? null),
      list: async (prefix) => (await this.#reach(), this.under(prefix)),
      write: async (change) => {
        // A real answer is never there in the same turn.
        await Promise.resolve();
        return this.#write(change);
      },
      watch: (prefix, onEntries, signal) => this.#watch(prefix, onEntries, until(signal)),
      keepAlive: (options) => this.#keepAlive({ ...options, signal: until(options.signal) }),
      close: () => closing.abort(),
    };
  }

  under(prefix: string): readonly BusEntry[] {
    const found = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** The value of a key as JSON, for expectations. */
  json(key: string): unknown {
    const entry = this.#entries.get(key);
    return entry === undefined ? null : JSON.parse(entry.value);
  }

  /** Reads throw, writes are unknown, watches are silent, until `up`. */
  down(): void {
    this.#isDown = true;
  }

  up(): void {
    this.#isDown = false;
    this.#tell();
  }

  /** The next write's answer is lost, after or before it took effect. */
  loseNextAnswer(effect: 'applied' | 'dropped'): void {
    this.#lost = effect;
  }

  /** The store starts again from nothing, revisions as well. */
  wipe(): void {
    this.#entries = new Map();
    this.#revision = 1;
    this.#tell();
  }

  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.#isDown) throw new Error('no etcd endpoint answered (memory: down)');
  }

  #write({ conditions, puts, deletes = [] }: Parameters<Bus['write']>[0]): WriteOutcome {
    if (this.#isDown) return { outcome: 'unknown', cause: 'down' };
    const lost = this.#lost;
    this.#lost = null;
    if (lost === 'dropped') return { outcome: 'unknown', cause: 'the answer was lost' };
    const holds = conditions.every(({ key, revision }) => (this.#entries.get(key)?.revision ?? null) === revision);
    if (holds) this.#apply(puts, deletes);
    if (lost === 'applied') return { outcome: 'unknown', cause: 'the answer was lost' };
    return holds ? { outcome: 'ok', revision: String(this.#revision) } : { outcome: 'refused' };
  }

  #apply(puts: readonly { readonly key: string; readonly value: string }[], deletes: readonly string[]): void {
    this.#revision += 1;
    const revision = String(this.#revision);
    for (const { key, value } of puts) this.#entries.set(key, { key, value, revision });
    for (const key of deletes) this.#entries.delete(key);
    this.#tell();
  }

  #tell(): void {
    if (!this.#isDown) for (const watcher of this.#watchers) watcher();
  }

  #watch(prefix: string, onEntries: (entries: readonly BusEntry[]) => void, signal: AbortSignal): void {
    let isDue = false;
    let told: readonly BusEntry[] | null = null;
    const tell = (): void => {
      if (isDue) return;
      isDue = true;
      setImmediate(() => {
        isDue = false;
        const entries = this.under(prefix);
        if (signal.aborted || this.#isDown || isSame(told, entries)) return;
        told = entries;
        onEntries(entries);
      });
    };
    this.#watchers.add(tell);
    signal.addEventListener('abort', () => this.#watchers.delete(tell), { once: true });
    tell();
  }

  #keepAlive({ key, value, ttlMs, signal }: Parameters<Bus['keepAlive']>[0]): void {
    const renew = (): void => {
      if (!this.#isDown && this.#entries.get(key)?.value !== value()) this.#apply([{ key, value: value() }], []);
    };
    if (signal.aborted) return;
    renew();
    const timer = setInterval(renew, ttlMs / 3);
    const expire = (): void => {
      clearInterval(timer);
      setTimeout(() => this.#apply([], [key]), ttlMs).unref();
    };
    signal.addEventListener('abort', expire, { once: true });
  }
}

const isSame = (told: readonly BusEntry[] | null, entries: readonly BusEntry[]): boolean =>
  told?.length === entries.length && told.every((entry, index) => entry === entries[index]);
