import type { Bus, BusEntry, WriteOutcome } from '../../../model/ports.ts';
import type { World } from './world.ts';

type Change = Parameters<Bus['write']>[0];
type Watcher = { readonly prefix: string; readonly tell: () => void };

/** How often a watch reads anew, whatever it was told; virtual ms. */
const REREAD_MS = 5_000;
/** How often a watch that is cut off tries again; virtual ms. */
const RETRY_MS = 100;
/** When a call that goes nowhere is given up; virtual ms. */
const NO_ANSWER_MS = 1_000;
/** Shares of calls that are hit, while there are faults. */
const LOST = 0.04;
const UNREACHABLE = 0.05;
const LATE = 0.02;

/** One etcd and the network around it: answers are lost before or after the effect, events are lost, merged and repeated. */
export class Store {
  wasWiped = false;
  readonly #world: World;
  #entries = new Map<string, BusEntry>();
  #revision = 1;
  readonly #watchers = new Set<Watcher>();

  constructor(world: World) {
    this.#world = world;
  }

  get(key: string): BusEntry | null {
    return this.#entries.get(key) ?? null;
  }

  json<Value>(key: string): Value | null {
    const entry = this.#entries.get(key);
    return entry === undefined ? null : (JSON.parse(entry.value) as Value);
  }

  apply({ conditions, puts, deletes = [] }: Change): WriteOutcome {
    const holds = conditions.every(({ key, revision }) => (this.#entries.get(key)?.revision ?? null) === revision);
    if (!holds) return { outcome: 'refused' };
    this.#revision += 1;
    const revision = String(this.#revision);
    for (const { key, value } of puts) this.#entries.set(key, { key, value, revision });
    for (const key of deletes) this.#entries.delete(key);
    const changed = [...puts.map(({ key }) => key), ...deletes];
    for (const watcher of this.#watchers) if (changed.some((key) => key.startsWith(watcher.prefix))) watcher.tell();
    return { outcome: 'ok', revision };
  }

  wipe(): void {
    this.wasWiped = true;
    this.#world.note(() => 'bus wiped');
    this.#entries = new Map();
    this.#revision = 1;
    for (const watcher of this.#watchers) watcher.tell();
  }

  /** A client's bus. `enter` is called before and after each call and may kill the client; `reaches`: it is not cut off. */
  connect(isAlive: () => boolean, enter: (what: string) => void, reaches = (): boolean => true): Bus {
    const world = this.#world;
    const call = <Value>(what: string, effect: () => Value, lost: () => Value): Promise<Value> => {
      enter(`before ${what}`);
      return new Promise<Value>((resolve, reject) => {
        const answer = (value: Value, ms: number): void => {
          world.after(ms, () => {
            if (isAlive() && !isKilled(() => enter(`after ${what}`))) resolve(value);
          });
        };
        if (!reaches()) {
          if (what === 'write') answer(lost(), NO_ANSWER_MS);
          else world.after(NO_ANSWER_MS, () => (isAlive() ? reject(new Error('unreachable')) : undefined));
          return;
        }
        if (world.isFaulty && world.random.chance(UNREACHABLE) && what === 'read') {
          world.after(this.#delay(), () => {
            if (isAlive()) reject(new Error('unreachable'));
          });
          return;
        }
        if (world.isFaulty && world.random.chance(LOST)) {
          const isLate = world.random.chance(LATE / LOST);
          if (isLate || world.random.chance(0.5)) world.after(isLate ? 3_000 : this.#delay(), effect);
          answer(lost(), NO_ANSWER_MS);
          return;
        }
        world.after(this.#delay(), () => answer(effect(), this.#delay()));
      });
    };
    return {
      read: (key) =>
        call(
          'read',
          () => this.get(key),
          () => this.get(key),
        ),
      list: (prefix) =>
        call(
          'list',
          () => this.#under(prefix),
          () => this.#under(prefix),
        ),
      write: (change) =>
        call<WriteOutcome>(
          'write',
          () => this.apply(change),
          () => ({ outcome: 'unknown', cause: 'lost' }),
        ),
      watch: (prefix, onEntries, signal) => this.#watch(prefix, { onEntries, signal, isAlive, reaches }),
      keepAlive: () => undefined,
      close: () => undefined,
    };
  }

  #watch(
    prefix: string,
    {
      onEntries,
      signal,
      isAlive,
      reaches,
    }: {
      onEntries: (entries: readonly BusEntry[]) => void;
      signal: AbortSignal;
      isAlive: () => boolean;
      reaches: () => boolean;
    },
  ): void {
    const { random } = this.#world;
    let isDue = false;
    let last = '';
    const isOver = (): boolean => signal.aborted || !isAlive();
    const deliver = (): void => {
      isDue = false;
      if (isOver()) {
        this.#watchers.delete(watcher);
        return;
      }
      if (!reaches()) return;
      const entries = this.#under(prefix);
      last = nameOf(entries);
      onEntries(entries);
    };
    const tell = (): void => {
      if (this.#world.isFaulty && random.chance(LOST)) return;
      if (isDue && !random.chance(0.1)) return;
      isDue = true;
      this.#world.after(this.#delay(), deliver);
    };
    const reread = (): void => {
      if (isOver()) return;
      if (nameOf(this.#under(prefix)) !== last) deliver();
      this.#world.after(reaches() ? REREAD_MS : RETRY_MS, reread);
    };
    const watcher = { prefix, tell };
    this.#watchers.add(watcher);
    this.#world.after(this.#delay(), deliver);
    this.#world.after(reaches() ? REREAD_MS : RETRY_MS, reread);
  }

  #under(prefix: string): readonly BusEntry[] {
    return [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
  }

  #delay(): number {
    return this.#world.random.chance(0.05) ? this.#world.random.between(100, 800) : this.#world.random.between(1, 5);
  }
}

/** After a wipe the same revisions come again, with other values. */
const nameOf = (entries: readonly BusEntry[]): string =>
  entries.map(({ revision, value }) => `${revision} ${value}`).join();

/** The client dies as it gets its answer: nobody sees that. */
function isKilled(enter: () => void): boolean {
  try {
    enter();
    return false;
  } catch {
    return true;
  }
}
