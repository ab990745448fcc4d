import type { UnitId } from '../../model/ids.ts';
import { LoadBalancerError } from '../../model/load-balancer.ts';
import type { BalancedUnit, SlotBalancer, SlotServer, SlotTraffic } from '../../model/slot-balancer.ts';
import type { Slot } from '../../model/unit.ts';

type SlotPlace = { readonly unit: UnitId; readonly slot: Slot };
type Active = Awaited<ReturnType<SlotBalancer['active']>>;
type Side = { readonly servers: Map<string, SlotServer>; traffic: SlotTraffic };
type KnownUnit = { active: Active; readonly slots: Readonly<Record<Slot, Side>>; problems: readonly string[] };

const NOTHING: SlotTraffic = { requests: 0, errors: 0 };

/** A load balancer that sends units' requests to their slots, in memory. Held to test/drivers/slot-balancer-contract.ts. */
export class FakeSlotBalancer implements SlotBalancer {
  /** Every cutover, in order: `shop green`. */
  readonly told: string[] = [];
  readonly #name: string;
  readonly #counts: boolean;
  readonly #units = new Map<UnitId, KnownUnit>();
  #isDown = false;

  /** `counts` false: as one that knows no numbers of requests. */
  constructor(name: string, { counts = true }: { readonly counts?: boolean } = {}) {
    this.#name = name;
    this.#counts = counts;
  }

  /** A server that is ready, healthy and idle unless it says otherwise; the unit and both its slots are known from then on. */
  add({ unit, slot }: SlotPlace, server: Pick<SlotServer, 'name' | 'service'> & Partial<SlotServer>): this {
    const known = this.#units.get(unit) ?? { active: 'unset', slots: { blue: side(), green: side() }, problems: [] };
    this.#units.set(unit, known);
    known.slots[slot].servers.set(server.name, {
      ...{ state: 'ready', health: 'up', sessions: 0, address: '10.0.0.1:8080' },
      ...server,
    });
    return this;
  }

  /** What nobody asks the balancer for: requests that come and end, checks that fail and pass. */
  change({ unit, slot }: SlotPlace, name: string, changes: Partial<Pick<SlotServer, 'health' | 'sessions'>>): void {
    const { servers } = this.#known(unit).slots[slot];
    const found = servers.get(name);
    if (found === undefined) throw this.#error('notFound', `slot ${slot} of unit ${unit} has no server ${name}`);
    servers.set(name, { ...found, ...changes });
  }

  /** Requests that the slot answers from one moment to the next, beside those before. */
  answer({ unit, slot }: SlotPlace, { requests, errors }: SlotTraffic): void {
    const of = this.#known(unit).slots[slot];
    of.traffic = { requests: of.traffic.requests + requests, errors: of.traffic.errors + errors };
  }

  /** As somebody else sets it, or a restart that forgot it. */
  setActive(unit: UnitId, active: Active): void {
    this.#known(unit).active = active;
  }

  /** From now on, what would keep a cutover from working; it works all the same. */
  setProblems(unit: UnitId, problems: readonly string[]): void {
    this.#known(unit).problems = problems;
  }

  down(): void {
    this.#isDown = true;
  }

  up(): void {
    this.#isDown = false;
  }

  /** It keeps where requests go, and counts anew. */
  restart(): void {
    for (const { slots } of this.#units.values()) slots.blue.traffic = slots.green.traffic = NOTHING;
  }

  async active({ unit }: BalancedUnit, signal?: AbortSignal): Promise<Active> {
    await this.#reach(signal);
    return this.#known(unit).active;
  }

  async cutOver({ unit }: BalancedUnit, to: Slot, signal?: AbortSignal): Promise<void> {
    await this.#reach(signal);
    this.#known(unit).active = to;
    this.told.push(`${unit} ${to}`);
  }

  async servers({ unit }: BalancedUnit, slot: Slot, signal?: AbortSignal): Promise<readonly SlotServer[]> {
    await this.#reach(signal);
    return [...this.#known(unit).slots[slot].servers.values()];
  }

  async traffic({ unit }: BalancedUnit, slot: Slot, signal?: AbortSignal): Promise<SlotTraffic | null> {
    await this.#reach(signal);
    const { traffic } = this.#known(unit).slots[slot];
    return this.#counts ? traffic : null;
  }

  async problems({ unit }: BalancedUnit, signal?: AbortSignal): Promise<readonly string[]> {
    await this.#reach(signal);
    return this.#units.get(unit)?.problems ?? [this.#error('notFound', `there is no unit ${unit}`).message];
  }

  #known(unit: UnitId): KnownUnit {
    const found = this.#units.get(unit);
    if (found === undefined) throw this.#error('notFound', `there is no unit ${unit}`);
    return found;
  }

  async #reach(signal: AbortSignal | undefined): Promise<void> {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (this.#isDown) throw this.#error('unreachable', 'does not answer');
  }

  #error(kind: LoadBalancerError['kind'], what: string): LoadBalancerError {
    return new LoadBalancerError(kind, `load balancer ${this.#name}: ${what}`);
  }
}

const side = (): Side => ({ servers: new Map(), traffic: NOTHING });
