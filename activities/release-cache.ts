import { MAX_HOPS } from '../model/plan.ts';
import { imageReference, type ReleaseRef } from '../model/release.ts';
import type { ReadRelease, Registry } from '../model/registry.ts';

/** Releases that this worker remembers: a digest never means anything else. An upgrade reads those of all its hops. */
const MAX_REMEMBERED = MAX_HOPS + 4;

/** Reads each release from the registry once, so that a registry that goes away later stops no host that has it. */
export class ReleaseCache {
  readonly #registry: Pick<Registry, 'readRelease'>;
  readonly #remembered = new Map<string, ReadRelease>();

  constructor(registry: Pick<Registry, 'readRelease'>) {
    this.#registry = registry;
  }

  async read(ref: ReleaseRef, signal: AbortSignal): Promise<ReadRelease> {
    return this.#remembered.get(ref.digest) ?? this.readReference(imageReference(ref), signal);
  }

  /** A tag may mean another release each time, so it is always asked for. */
  async readReference(reference: string, signal: AbortSignal): Promise<ReadRelease> {
    const found = await this.#registry.readRelease(reference, signal);
    this.#remembered.set(found.ref.digest, found);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    return found;
  }
}
