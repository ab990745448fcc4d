import type { BusEntry, WriteOutcome } from './ports.ts';

/** A value is there for its time to live and then goes by itself, so that nobody has to tidy up. */
export interface LastingValues {
  /** Throws when the bus can't be reached. */
  read(key: string): Promise<BusEntry | null>;
  /** Under a compare of the key's revision; `revision` null: it must not exist, `value` null: it goes now. Never sent twice. */
  write(change: LastingChange): Promise<WriteOutcome>;
  close(): void;
}

export type LastingChange = { readonly key: string; readonly value: string | null; readonly revision: string | null };
