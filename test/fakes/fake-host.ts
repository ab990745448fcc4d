import type { HostOutcome } from '../../model/host.ts';
import type { HostId, StepId } from '../../model/ids.ts';
import type { ReleaseRef } from '../../model/release.ts';
import type { EditedAnswer } from '../../model/upgrade.ts';

/** An order as the fake agent sees it. */
export type FakeOrder = {
  readonly epoch: number;
  readonly sequence: number;
  readonly action: 'install' | 'revert';
  readonly release: ReleaseRef;
  readonly edited?: EditedAnswer | null;
};

export type FakeFailure = {
  readonly state: 'reverted' | 'unhealthy' | 'failed' | 'lost' | 'stuck';
  readonly error?: string;
  readonly step?: StepId | null;
};

/**
 * A host and its agent, in memory. The agent works beside the activity that ordered it, as a real one does: an activity
 * that dies takes nothing with it, and the same order twice is one order.
 */
export class FakeHost {
  readonly name: HostId;
  installed: string | null;
  outcome: HostOutcome | null = null;
  isAtWork = false;
  /** How often the host was changed to a release, and back. */
  applied = 0;
  takenBack = 0;
  orders = 0;
  /** What its last order said of files that an administrator edited. */
  edited: EditedAnswer | null = null;
  /** What was there before each release. */
  readonly #before = new Map<string, string | null>();
  readonly #failures: FakeFailure[] = [];
  readonly #changed: (event: string) => void;
  #order: FakeOrder | null = null;
  #isHeld = false;
  #release: (() => void) | null = null;

  constructor(name: HostId, installed: string | null, changed: (event: string) => void) {
    this.name = name;
    this.installed = installed;
    this.#changed = changed;
  }

  /** The next order ends so; repeated calls queue up. */
  failNext(failure: FakeFailure): void {
    this.#failures.push(failure);
  }

  /** The agent begins, and does not get on until `letGo`. */
  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    this.#release?.();
  }

  isOrdered({ epoch, sequence }: Pick<FakeOrder, 'epoch' | 'sequence'>): boolean {
    return this.#order !== null && this.#order.epoch === epoch && this.#order.sequence === sequence;
  }

  order(order: FakeOrder): void {
    if (this.isOrdered(order)) return;
    this.#order = order;
    this.outcome = null;
    this.orders += 1;
    this.edited = order.edited ?? null;
    void this.#work(order);
  }

  async #work(order: FakeOrder): Promise<void> {
    this.isAtWork = true;
    this.#changed(`begin ${order.action} ${this.name}`);
    if (this.#isHeld) await new Promise<void>((resolve) => (this.#release = resolve));
    const startedAt = Date.now();
    const failure = this.#failures.shift();
    const from = this.installed;
    if (failure === undefined) this.#apply(order);
    this.isAtWork = false;
    this.outcome = {
      host: this.name,
      state: endOf(order, failure),
      from,
      to: this.installed,
      step: failure?.step ?? null,
      error: failure === undefined ? null : (failure.error ?? `${failure.state} on purpose`),
      startedAt,
      finishedAt: Date.now(),
    };
    this.#changed(`end ${order.action} ${this.name} ${this.outcome.state}`);
  }

  #apply({ action, release }: FakeOrder): void {
    const before = this.#before.get(release.version);
    const target = action === 'install' ? release.version : before === undefined ? this.installed : before;
    if (target === this.installed) return;
    if (action === 'install') this.#before.set(release.version, this.installed);
    this.installed = target;
    if (action === 'install') this.applied += 1;
    else this.takenBack += 1;
  }
}

/** A way back that fails leaves a host that is stuck, whatever went wrong, unless it was lost. */
function endOf({ action }: FakeOrder, failure: FakeFailure | undefined): HostOutcome['state'] {
  if (failure === undefined) return action === 'install' ? 'done' : 'rolledBack';
  return action === 'install' || failure.state === 'lost' ? failure.state : 'stuck';
}
