import type { Report } from '../../model/bus.ts';
import type { Bus, Clock } from '../../model/ports.ts';
import { encodeBusValue } from '../../drivers/bus-values.ts';
import { isSettled } from '../../model/agent-phase.ts';
import { Bell } from './bell.ts';

/** Shortest time between two reports of progress: 20 a second are more than anybody reads; ms. What settles goes at once. */
const PACE_MS = 50;
/** First and longest pause after a report that did not get through; ms. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;
/** How long a refusal of an order that does not count stays to be read, before the report that counts returns; ms. */
const ASIDE_MS = 3_000;
/** How long the bus may show another report than ours, or none, before it is written again: ours may be on its way; ms. */
const ECHO_MS = 1_000;
const GONE_MS = 100;

/**
 * Sends the latest report, and only the latest: reports are levels, so what was overtaken is never sent.
 * It goes on until the bus took it, however long that is; the install does not wait for it.
 */
export class Sender {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #latest: () => Report | null;
  readonly #bell = new Bell();
  #hurry = new AbortController();
  #aside: Report | null = null;
  #asideUntil = 0;
  /** The report that an aside stands in front of. */
  #behindAside: string | null = null;
  #sent: string | null = null;
  #seen: string | null = null;
  #isComparing = false;
  #sentAt = 0;
  #encoded: { readonly report: Report; readonly text: string } | null = null;
  #waiters: (() => void)[] = [];

  constructor({ bus, clock, key, latest }: { bus: Bus; clock: Clock; key: string; latest: () => Report | null }) {
    this.#bus = bus;
    this.#clock = clock;
    this.#key = key;
    this.#latest = latest;
  }

  changed(): void {
    const report = this.#latest();
    if (report !== null && isUrgent(report)) this.#hurry.abort('hurry');
    this.#bell.ring();
  }

  /** Says something that does not replace the report for long. */
  sayAside(report: Report): void {
    this.#aside = report;
    this.#bell.ring();
  }

  /**
   * What the bus holds now: written again when that stays another than ours, as after a wipe, or when an earlier write
   * whose answer was lost came in late, over a newer one.
   */
  seen(value: string | null): void {
    this.#seen = value;
    if (value !== this.#sent) this.#compareLater();
  }

  /** Resolves when nothing is left to say. */
  idle(): Promise<void> {
    if (this.#unsent() === null) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      if (this.#unsent() === null) await this.#rest();
      await this.#pace(signal);
      const report = this.#unsent();
      if (report === null) continue;
      const isThrough = await this.#send(report);
      failures = isThrough ? 0 : failures + 1;
      if (!isThrough) await this.#clock.sleep(Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(failures, 8)), signal);
    }
  }

  #compareLater(): void {
    if (this.#isComparing) return;
    this.#isComparing = true;
    void this.#clock.sleep(this.#seen === null ? GONE_MS : ECHO_MS).then(() => {
      this.#isComparing = false;
      if (this.#sent === null || this.#seen === this.#sent) return;
      this.#sent = null;
      this.#bell.ring();
    });
  }

  async #rest(): Promise<void> {
    for (const resolve of this.#waiters.splice(0)) resolve();
    await this.#bell.wait();
  }

  async #pace(signal: AbortSignal): Promise<void> {
    const wait = this.#sentAt + PACE_MS - this.#clock.now();
    const report = this.#latest();
    const isHurried = this.#aside !== null || (report !== null && isUrgent(report));
    if (wait <= 0 || wait > PACE_MS || isHurried || signal.aborted) return;
    this.#hurry = new AbortController();
    await this.#clock.sleep(wait, this.#hurry.signal);
  }

  async #send(report: Report): Promise<boolean> {
    const aside = this.#aside;
    const value = this.#encode(report);
    const written = await this.#bus.write({ conditions: [], puts: [{ key: this.#key, value }] });
    if (written.outcome !== 'ok') return false;
    this.#sent = value;
    this.#sentAt = this.#clock.now();
    if (this.#seen !== value) this.#compareLater();
    if (aside === report) this.#keepAside();
    return true;
  }

  #keepAside(): void {
    const behind = this.#latest();
    this.#aside = null;
    this.#behindAside = behind === null ? null : this.#encode(behind);
    this.#asideUntil = this.#clock.now() + ASIDE_MS;
    void this.#clock.sleep(ASIDE_MS).then(() => {
      this.#bell.ring();
    });
  }

  /** The same report is the same text; reports are made once a change. */
  #encode(report: Report): string {
    if (this.#encoded?.report !== report) this.#encoded = { report, text: encodeBusValue(report) };
    return this.#encoded.text;
  }

  #unsent(): Report | null {
    if (this.#aside !== null) return this.#aside;
    const report = this.#latest();
    if (report === null) return null;
    const value = this.#encode(report);
    const isBehindAside = value === this.#behindAside && this.#clock.now() < this.#asideUntil && this.#sent !== null;
    return value === this.#sent || isBehindAside ? null : report;
  }
}

const isUrgent = (report: Report): boolean =>
  report.refused !== null || report.probe !== null || isSettled(report.phase) || report.phase === 'rebooting';
