import type { Clock } from '../../../model/ports.ts';
import { Random } from './random.ts';

type Event = { readonly at: number; readonly number: number; run: (() => void) | null };

/** Most events of one schedule: what goes on longer goes round in circles. */
const MAX_EVENTS = 20_000;

/** Virtual time and one queue of events: what happens next is decided by the seed alone. */
export class World {
  readonly random: Random;
  readonly trace: string[] = [];
  /** Faults are made while true. */
  isFaulty = true;
  violation: string | null = null;
  now = 1_000_000;
  #number = 0;
  #heap: Event[] = [];

  readonly isTraced: boolean;

  constructor(seed: number, isTraced: boolean) {
    this.isTraced = isTraced;
    this.random = new Random(seed);
  }

  /** Kept only where somebody will read it: the seed gives the same again. */
  note(what: () => string): void {
    if (this.isTraced) this.trace.push(`${this.now - 1_000_000} ${what()}`);
  }

  violate(what: string): void {
    this.note(() => `VIOLATION ${what}`);
    this.violation ??= what;
  }

  after(ms: number, run: () => void): Event {
    const event = { at: this.now + ms, number: (this.#number += 1), run };
    this.#push(event);
    return event;
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** A process's clock; a process that is dead never wakes. */
  clock(isAlive: () => boolean): Clock {
    return {
      now: () => this.now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted === true) {
            resolve();
            return;
          }
          const event = this.after(ms, () => {
            signal?.removeEventListener('abort', stop);
            if (isAlive()) resolve();
          });
          const stop = (): void => {
            event.run = null;
            resolve();
          };
          signal?.addEventListener('abort', stop, { once: true });
        }),
    };
  }

  /** Runs until the condition holds, nothing is left to happen, or time is up. */
  async run(until: () => boolean, untilMs: number): Promise<void> {
    const end = this.now + untilMs;
    for (let count = 0; count < MAX_EVENTS; count += 1) {
      await settled();
      if (this.violation !== null || until()) return;
      const event = this.#pop();
      if (event === undefined) return;
      if (event.at > end) {
        this.#push(event);
        return;
      }
      this.now = Math.max(this.now, event.at);
      event.run?.();
    }
    this.violate(`more than ${MAX_EVENTS} events`);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    for (;;) {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (first !== last) this.#sink(last);
      // A timer that was cancelled is no event.
      if (first.run !== null) return first;
    }
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(event, child)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = event;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.number < b.number);

/** All promises that can go on have done so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
