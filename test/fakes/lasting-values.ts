import type { LastingChange, LastingValues } from '../../model/lasting.ts';
import type { BusEntry, WriteOutcome } from '../../model/ports.ts';

/** Values that last as long as the test, with faults on demand. Held to test/client/api/requests-contract.ts. */
export class MemoryLasting implements LastingValues {
  readonly #entries = new Map<string, BusEntry>();
  #revision = 1;
  #isDown = false;
  #lost: 'applied' | 'dropped' | null = null;

  down(): void {
    this.#isDown = true;
  }

  up(): void {
    this.#isDown = false;
  }

  /** The next write's answer is lost, after or before it took effect. */
  loseNextAnswer(effect: 'applied' | 'dropped'): void {
    this.#lost = effect;
  }

  /** Somebody else writes every value anew. */
  rewrite(change: (value: string) => string): void {
    for (const [key, entry] of this.#entries) this.#entries.set(key, { ...entry, value: change(entry.value) });
  }

  async read(key: string): Promise<BusEntry | null> {
    await Promise.resolve();
    if (this.#isDown) throw new Error('no etcd endpoint answered (memory: down)');
    return this.#entries.get(key) ?? null;
  }

  async write({ key, value, revision }: LastingChange): Promise<WriteOutcome> {
    await Promise.resolve();
    const lost = this.#lost;
    this.#lost = null;
    if (this.#isDown || lost === 'dropped') return { outcome: 'unknown', cause: 'the answer was lost' };
    const holds = (this.#entries.get(key)?.revision ?? null) === revision;
    if (holds) this.#apply(key, value);
    if (lost === 'applied') return { outcome: 'unknown', cause: 'the answer was lost' };
    return holds ? { outcome: 'ok', revision: String(this.#revision) } : { outcome: 'refused' };
  }

  close(): void {
    this.#isDown = true;
  }

  #apply(key: string, value: string | null): void {
    this.#revision += 1;
    if (value === null) this.#entries.delete(key);
    else this.#entries.set(key, { key, value, revision: String(this.#revision) });
  }
}
