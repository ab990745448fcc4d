import { condition } from '@temporalio/workflow';
import type { UpgradeId } from '../model/ids.ts';
import { MAX_DECISIONS, type Decision, type UpgradeState, type Waiting } from '../model/upgrade.ts';
import { Waits, type Wait } from './waits.ts';

/** What an operator wants instead of going on. */
export type Ending = 'go' | 'rollback' | 'abort';

/** What an operator asked for and the main function has not acted on yet. */
export type OperatorWishes = {
  pause: boolean;
  ending: Exclude<Ending, 'go'> | null;
  resume: boolean;
  /** Checkpoint that a roll back is to stop at; null: as far as it goes. */
  to?: string | null;
};

/** Longest name of a timer in the Web UI; characters, with room for those of several bytes within Temporal's 200. */
const MAX_SUMMARY_LENGTH = 100;

/** Longest reason of a decision; characters. The latest decisions stay in Temporal with an upgrade's end. */
const MAX_REASON_LENGTH = 300;

/** An upgrade that an operator can speak to, and that says of each of its waits what for. */
export abstract class Operated {
  abstract readonly input: { readonly upgrade: UpgradeId };
  abstract readonly wishes: OperatorWishes;
  state: UpgradeState = 'running';
  error: string | null = null;
  /** A roll back was begun: from here on everything only goes back. */
  isGoingBack = false;
  /** Everything is in place, and what was kept for the way back is being removed: no command changes that. */
  isClosing = false;
  protected readonly decisions: Decision[] = [];
  protected startedAt = Date.now();
  protected finishedAt: number | null = null;
  private readonly waits = new Waits(() => this.show());

  /** The only place where the state changes; every change is seen in the Web UI. */
  abstract enter(state: UpgradeState): void;

  abstract show(): void;

  /** Why nothing can be taken back now, or not to that checkpoint, for people; null: it can. */
  refuseRollback(to: string | null = null): string | null {
    if (this.isGoingBack) return 'it is rolling back already';
    return to === null ? null : 'it has no checkpoints: it goes back whole';
  }

  /** What a roll back takes back, for people. */
  describeRollback(to: string | null): string {
    return to === null ? 'all of it' : `what came after ${to}`;
  }

  /** What an operator types: `retry HOST` → `refit retry lab-7 HOST`. */
  abstract commandLine(command: string): string;

  /** Whether all that is at work for this upgrade knows of an interruption, and starts nothing new. */
  abstract isHeeded(): boolean;

  decide(decision: Omit<Decision, 'at'>): void {
    const because = decision.because.slice(0, MAX_REASON_LENGTH);
    this.decisions.push({ at: Date.now(), ...decision, because });
    this.decisions.splice(0, Math.max(0, this.decisions.length - MAX_DECISIONS));
  }

  ending(): Ending {
    return this.wishes.ending ?? 'go';
  }

  /** Something that must be acted on before anything new starts. */
  isInterrupted(): boolean {
    return this.wishes.pause || this.wishes.ending !== null;
  }

  /** Waits until `isMet`, and says meanwhile what for. */
  async wait(waiting: Omit<Wait, 'until'>, isMet: () => boolean, timeoutMs?: number): Promise<void> {
    const step = async (): Promise<unknown> =>
      timeoutMs === undefined
        ? condition(isMet)
        : condition(isMet, timeoutMs, { summary: waiting.what.slice(0, MAX_SUMMARY_LENGTH) });
    await this.during({ ...waiting, ...(timeoutMs !== undefined && { until: Date.now() + timeoutMs }) }, step);
  }

  /** Does a step, and says meanwhile what it waits for. */
  async during<Result>(wait: Wait, step: () => Promise<Result>): Promise<Result> {
    return this.waits.during(wait, step);
  }

  protected waiting(): readonly Waiting[] {
    return this.waits.list();
  }
}
