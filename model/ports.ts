/** One value on the bus, with the revision that last changed it (a decimal string: etcd counts in 64 bits). */
export type BusEntry = { readonly key: string; readonly value: string; readonly revision: string };

/** How a write ended. unknown: the answer was lost; settle it by reading. */
export type WriteOutcome =
  | { readonly outcome: 'ok'; readonly revision: string }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'unknown'; readonly cause: string };

/** `revision` null: the key must not exist. */
export type BusCondition = { readonly key: string; readonly revision: string | null };
export type BusPut = { readonly key: string; readonly value: string };

/** The bus as agents and workers use it; etcd behind it, or a simulated one. Every call is bounded in time. */
export interface Bus {
  /** Throws when the bus can't be reached. */
  read(key: string): Promise<BusEntry | null>;
  list(prefix: string): Promise<readonly BusEntry[]>;
  /** All puts and deletes in one step, if every condition holds. Never throws for a lost answer: says unknown. */
  write(change: {
    readonly conditions: readonly BusCondition[];
    readonly puts: readonly BusPut[];
    readonly deletes?: readonly string[];
  }): Promise<WriteOutcome>;
  /**
   * Calls back with all entries under the prefix, at first and whenever one may have changed; levels, not edges: calls
   * may be merged or repeated. Survives silence, compaction, wipes and endpoints going away. Ends with the signal.
   */
  watch(prefix: string, onEntries: (entries: readonly BusEntry[]) => void, signal: AbortSignal): void;
  /** Keeps a value there as long as this process lives, and for `ttlMs` longer. `value` is asked for at each renewal. */
  keepAlive(options: {
    readonly key: string;
    readonly value: () => string;
    readonly ttlMs: number;
    readonly signal: AbortSignal;
  }): void;
  close(): void;
}

/** Time as the agent and the activities see it; simulated in tests. */
export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** Resolves after the time, or at once when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
