import type { Baton, Chain } from '../../model/bus.ts';
import { busKeys } from '../../model/bus.ts';
import type { FleetId, HostId, UpgradeId } from '../../model/ids.ts';
import type { Bus, BusEntry } from '../../model/ports.ts';
import { parseBaton, parseChain } from '../../drivers/bus-values.ts';

export type SeenBaton = { readonly baton: Baton; readonly revision: string };

/**
 * What the bus last showed: this host's order and report, and, for an order that waits for its turn, the chain of its
 * upgrade. Levels: every callback replaces what was there. An unreadable baton is nobody's, an unreadable hold holds.
 */
export class BusView {
  readonly #bus: Bus;
  readonly #keys: ReturnType<typeof busKeys>;
  readonly #onChange: () => void;
  #followed: { readonly upgrade: UpgradeId; readonly watch: AbortController } | null = null;
  order: BusEntry | null = null;
  baton: SeenBaton | null = null;
  chain: Chain | null = null;
  isHeld = false;

  constructor(bus: Bus, fleet: FleetId, onChange: () => void) {
    this.#bus = bus;
    this.#keys = busKeys(fleet);
    this.#onChange = onChange;
  }

  watchHost(host: HostId, onReport: (value: string | null) => void, signal: AbortSignal): void {
    const seen = (entries: readonly BusEntry[]): void => {
      this.order = find(entries, this.#keys.order(host));
      onReport(find(entries, this.#keys.report(host))?.value ?? null);
      this.#onChange();
    };
    this.#bus.watch(this.#keys.host(host), seen, signal);
  }

  /** Follows the chain of this upgrade, and no other's; null: of none. */
  follow(upgrade: UpgradeId | null, signal: AbortSignal): void {
    if (this.#followed?.upgrade === upgrade) return;
    this.#followed?.watch.abort();
    this.#followed = null;
    this.#show([], null);
    if (upgrade === null) return;
    const watch = new AbortController();
    this.#followed = { upgrade, watch };
    signal.addEventListener('abort', () => watch.abort(), { once: true, signal: watch.signal });
    const seen = (entries: readonly BusEntry[]): void => {
      if (watch.signal.aborted) return;
      this.#show(entries, upgrade);
      this.#onChange();
    };
    this.#bus.watch(this.#keys.upgrade(upgrade), seen, watch.signal);
  }

  /** Reads the baton anew, when a hand-off was refused or its answer was lost. */
  async rereadBaton(upgrade: UpgradeId): Promise<void> {
    const { baton, chain } = this;
    const readBaton = await this.#bus.read(this.#keys.baton(upgrade));
    const readChain = await this.#bus.read(this.#keys.chain(upgrade));
    this.replaceBaton(baton, toBaton(readBaton));
    if (this.chain === chain) this.chain = readChain === null ? null : readable(parseChain(readChain.value));
  }

  /** An answer may be older than what the watch has shown meanwhile: then the watch is right. */
  replaceBaton(before: SeenBaton | null, after: SeenBaton | null): void {
    if (this.baton === before) this.baton = after;
  }

  #show(entries: readonly BusEntry[], upgrade: UpgradeId | null): void {
    const entry = (key: (upgrade: UpgradeId) => string): BusEntry | null =>
      upgrade === null ? null : find(entries, key(upgrade));
    const chain = entry(this.#keys.chain);
    this.chain = chain === null ? null : readable(parseChain(chain.value));
    this.isHeld = entry(this.#keys.hold) !== null;
    this.baton = toBaton(entry(this.#keys.baton));
  }
}

function toBaton(entry: BusEntry | null): SeenBaton | null {
  const baton = entry === null ? null : readable(parseBaton(entry.value));
  return entry === null || baton === null ? null : { baton, revision: entry.revision };
}

const find = (entries: readonly BusEntry[], key: string): BusEntry | null =>
  entries.find((entry) => entry.key === key) ?? null;

const readable = <Value>(parsed: { ok: true; value: Value } | { ok: false }): Value | null =>
  parsed.ok ? parsed.value : null;
