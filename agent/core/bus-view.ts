import type { Baton, Chain } from '../../model/bus.ts';
import { busKeys } from '../../model/bus.ts';
import type { FleetId, HostId, UpgradeId } from '../../model/ids.ts';
import type { Bus, BusEntry } from '../../model/ports.ts';
import { parseBaton, parseChain } from '../../drivers/bus-values.ts';

export type SeenBaton = { readonly baton: Baton; readonly revision: string };

/**
 * What the bus last showed: this host's order and report, and, for an order that waits for its turn, the chain of its
 * upgrade. Levels: every callback replaces what was there. An unreadable baton is nobody's, an unreadable hold holds.
 *
 * Baton and hold come by two watches, of which either may be late. So a turn that comes to this host counts as held until
 * the hold has been read anew: who paused the chain before it was handed on is obeyed.
 */
export class BusView {
  readonly #bus: Bus;
  readonly #host: HostId;
  readonly #keys: ReturnType<typeof busKeys>;
  readonly #onChange: () => void;
  #followed: { readonly upgrade: UpgradeId; readonly watch: AbortController; chain: AbortController } | null = null;
  order: BusEntry | null = null;
  baton: SeenBaton | null = null;
  chain: Chain | null = null;
  isHeld = true;

  constructor(bus: Bus, { fleet, host }: { readonly fleet: FleetId; readonly host: HostId }, onChange: () => void) {
    this.#bus = bus;
    this.#host = host;
    this.#keys = busKeys(fleet);
    this.#onChange = onChange;
  }

  watchHost(onReport: (value: string | null) => void, signal: AbortSignal): void {
    const seen = (entries: readonly BusEntry[]): void => {
      this.order = find(entries, this.#keys.order(this.#host));
      onReport(find(entries, this.#keys.report(this.#host))?.value ?? null);
      this.#onChange();
    };
    this.#bus.watch(this.#keys.host(this.#host), seen, signal);
  }

  /** Follows the chain of this upgrade, and no other's; null: of none. */
  follow(upgrade: UpgradeId | null, signal: AbortSignal): void {
    if (this.#followed?.upgrade === upgrade) return;
    this.#followed?.watch.abort();
    this.#followed = null;
    this.chain = null;
    this.baton = null;
    this.isHeld = true;
    if (upgrade === null) return;
    const watch = new AbortController();
    this.#followed = { upgrade, watch, chain: new AbortController() };
    signal.addEventListener('abort', () => watch.abort(), { once: true, signal: watch.signal });
    this.#readChainAnew();
    const seen = (entries: readonly BusEntry[]): void => {
      if (watch.signal.aborted) return;
      this.#take(toBaton(find(entries, this.#keys.baton(upgrade))));
      this.#onChange();
    };
    this.#bus.watch(this.#keys.batonOf(upgrade), seen, watch.signal);
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
    if (this.baton === before) this.#take(after);
  }

  #take(baton: SeenBaton | null): void {
    const isNew = baton?.revision !== this.baton?.revision;
    this.baton = baton;
    if (isNew && baton?.baton.holder === this.#host) this.#readChainAnew();
  }

  /** By a new watch: it begins with a list, and goes on until there is one. */
  #readChainAnew(): void {
    if (this.#followed === null) return;
    const { upgrade, watch, chain: before } = this.#followed;
    before.abort();
    const chain = new AbortController();
    this.#followed.chain = chain;
    this.isHeld = true;
    const seen = (entries: readonly BusEntry[]): void => {
      if (chain.signal.aborted || watch.signal.aborted) return;
      const found = find(entries, this.#keys.chain(upgrade));
      this.chain = found === null ? null : readable(parseChain(found.value));
      this.isHeld = find(entries, this.#keys.hold(upgrade)) !== null;
      this.#onChange();
    };
    this.#bus.watch(this.#keys.upgrade(upgrade), seen, AbortSignal.any([chain.signal, watch.signal]));
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
