import type { Bus, BusEntry } from '../../model/ports.ts';

/**
 * The bus of an agent that has none to speak to: what it writes it sees, nobody else does. Signs of life are for nobody,
 * and what counts is in the journals, so nothing of it outlives the process.
 */
export function createOwnBus(): Bus {
  const entries = new Map<string, BusEntry>();
  const watchers = new Set<() => void>();
  const under = (prefix: string): readonly BusEntry[] =>
    [...entries.values()].filter(({ key }) => key.startsWith(prefix));
  let revision = 0;
  return {
    read: (key) => Promise.resolve(entries.get(key) ?? null),
    list: (prefix) => Promise.resolve(under(prefix)),
    write: ({ conditions, puts, deletes = [] }) => {
      const holds = conditions.every(
        (condition) => (entries.get(condition.key)?.revision ?? null) === condition.revision,
      );
      if (!holds) return Promise.resolve({ outcome: 'refused' });
      revision += 1;
      for (const { key, value } of puts) entries.set(key, { key, value, revision: String(revision) });
      for (const key of deletes) entries.delete(key);
      for (const tell of watchers) tell();
      return Promise.resolve({ outcome: 'ok', revision: String(revision) });
    },
    watch: (prefix, onEntries, signal) => {
      // Never in the caller's own turn, as with a bus that has to be asked.
      const tell = (): void => {
        setImmediate(() => {
          if (!signal.aborted) onEntries(under(prefix));
        });
      };
      watchers.add(tell);
      signal.addEventListener('abort', () => watchers.delete(tell), { once: true });
      tell();
    },
    keepAlive: () => undefined,
    close: () => watchers.clear(),
  };
}
