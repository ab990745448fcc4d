import type { Waiting } from '../model/upgrade.ts';

/** What is waited for; `until` absent: until somebody acts. */
export type Wait = Omit<Waiting, 'since' | 'until'> & { readonly until?: number };

/** All that a workflow waits for now: nothing waits without saying what for. */
export class Waits {
  private readonly open = new Set<Waiting>();
  private readonly show: () => void;

  constructor(show: () => void) {
    this.show = show;
  }

  list(): readonly Waiting[] {
    return [...this.open];
  }

  /** Does a step, and says meanwhile what it waits for. */
  async during<Result>(wait: Wait, step: () => Promise<Result>): Promise<Result> {
    const waiting: Waiting = { until: null, ...wait, since: Date.now() };
    this.open.add(waiting);
    this.show();
    try {
      return await step();
    } finally {
      this.open.delete(waiting);
    }
  }
}
