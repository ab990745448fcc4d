import { busKeys, isSameOrder, type Baton, type Order, type Report } from '../../../model/bus.ts';
import { isAtWork, isSettled } from '../../../model/agent-phase.ts';
import type { FleetId, HostId, ServiceId, UpgradeId } from '../../../model/ids.ts';
import type { ReleaseRef } from '../../../model/release.ts';
import type { Store } from './store.ts';
import { withdrawOverBus } from './withdrawal.ts';
import type { World } from './world.ts';

/** How often a worker looks at the bus; virtual ms. */
const LOOK_MS = 200;
/** How long a host that is ordered may be cut off before it counts as lost; virtual ms. */
const SILENCE_MS = 600;

export type Mission = {
  readonly fleet: FleetId;
  readonly upgrade: UpgradeId;
  readonly release: ReleaseRef;
  readonly hosts: readonly HostId[];
  readonly strategy: 'serial' | 'daisy-chain';
  readonly onFailure: 'stop' | 'skip';
  /** Goes back with every host after it came to the end. */
  readonly rollsBack: boolean;
  readonly service: ServiceMission | null;
};

/** A service's upgrade, once the hosts are on the release: an order for each group of members, on every host. */
export type ServiceMission = {
  readonly name: ServiceId;
  /** The upgrade of the release itself, or one of its own. */
  readonly upgrade: UpgradeId;
  readonly groups: readonly (readonly string[])[];
  /** Takes the members back after it came to the end: not at all, as they were ordered, or all of a host at once. */
  readonly back: 'no' | 'groups' | 'all';
};

/** What an order is, besides whose. */
type Asked = Pick<Order, 'action'> & Partial<Pick<Order, 'start' | 'service' | 'upgrade'>>;

/** What all workers have in common: the fencing number in the store, which a wipe takes with it. */
export type Fence = { epoch: number };

/**
 * A worker as the protocol wants it: it claims an epoch, asks every host that may be at work before it orders another,
 * and writes under a compare on its epoch. It may be suspended at any time, and wake when another has taken over. One that
 * loses a host is aborted; the next one begins with the hosts that show life, and orders nobody else meanwhile.
 */
export class SimWorker {
  readonly #world: World;
  readonly #store: Store;
  readonly #mission: Mission;
  readonly #fence: Fence;
  readonly #isAlive: (host: HostId) => boolean;
  readonly #withdraws: boolean;
  readonly #keys: ReturnType<typeof busKeys>;
  readonly #epoch: number;
  #sequence = 0;
  /** Hosts that it took for ones that never were on the release, when it took services back. */
  readonly passedOver = new Set<HostId>();
  isSuspended = false;
  isOver = false;
  isAborted = false;
  wasFenced = false;

  constructor(options: {
    world: World;
    store: Store;
    mission: Mission;
    fence: Fence;
    isAlive: (host: HostId) => boolean;
    withdraws: boolean;
  }) {
    this.#world = options.world;
    this.#store = options.store;
    this.#mission = options.mission;
    this.#fence = options.fence;
    this.#isAlive = options.isAlive;
    this.#withdraws = options.withdraws;
    this.#keys = busKeys(options.mission.fleet);
    this.#fence.epoch += 1;
    this.#epoch = this.#fence.epoch;
    this.#apply(this.#keys.epoch, { v: 1, epoch: this.#epoch, run: `run-${this.#epoch}`, startedAt: this.#epoch });
  }

  async run(): Promise<void> {
    const { strategy, hosts, rollsBack } = this.#mission;
    this.#world.note(() => `worker ${this.#epoch} starts (${strategy})`);
    try {
      if (this.#withdraws) await this.#withdraw();
      if (strategy === 'serial') await this.#serial();
      else await this.#chain();
      await this.#services();
      if (rollsBack) for (const host of [...hosts].reverse()) await this.#order(host, { action: 'revert' });
    } catch (error) {
      if (!(error instanceof Fenced || error instanceof Aborted)) throw error;
      this.wasFenced = error instanceof Fenced;
      this.isAborted = error instanceof Aborted;
    }
    this.#world.note(() => `worker ${this.#epoch} is over${this.isAborted ? ': aborted' : ''}`);
    this.isOver = true;
  }

  /** What a worker of an epoch that is over would write, if nothing stopped it. */
  staleOrder(): Order {
    return this.#newOrder({ action: 'install' });
  }

  async #serial(): Promise<void> {
    const { hosts, onFailure } = this.#mission;
    await this.#quieten();
    const living = hosts.filter(this.#isAlive);
    for (const host of new Set([...living, ...hosts])) {
      if (this.#isDone(host)) continue;
      const report = await this.#order(host, { action: 'install' });
      if (report.phase !== 'done' && onFailure === 'stop') return;
    }
  }

  /** As the activity is tried again: until it got through. */
  async #withdraw(): Promise<void> {
    const fence = { fleet: this.#mission.fleet, epoch: this.#epoch };
    for (let isThrough = false; !isThrough;) {
      await this.#pause();
      this.#assertMine();
      isThrough = await withdrawOverBus({ world: this.#world, store: this.#store }, fence).then(
        () => true,
        () => false,
      );
    }
  }

  /**
   * Nobody may start beside a host that an earlier worker set to work, or whose order is still on its way: every host
   * that may be open is told to stand down. What is at work then says so, and is brought to its end first. One that is
   * cut off can't be told; if it ever answered what it was ordered, it may be at work.
   */
  async #quieten(): Promise<void> {
    const open = this.#mission.hosts.filter((host) => this.#isOpen(host));
    if (open.some((host) => !this.#isAlive(host) && this.#hasAnswered(host))) throw new Aborted();
    const given = new Map<HostId, Order>();
    for (const host of open.filter(this.#isAlive))
      given.set(host, await this.#put(host, this.#newOrder({ action: 'stand-down' })));
    for (const [host, order] of given) {
      const answer = { holds: () => true, isBusyAnAnswer: true };
      const report = await this.#untilLost(host, () => this.#answer(host, order, answer));
      if (isAtWork(report.phase)) await this.#order(host, { action: 'install' });
    }
  }

  /** Every host takes the new epoch's order before the baton of that epoch is there: then the old one moves nobody. */
  async #chain(): Promise<void> {
    const { upgrade } = this.#mission;
    const hosts = this.#mission.hosts.filter((host) => this.#isOpen(host) || !this.#isDone(host));
    const order = this.#newOrder({ action: 'install', start: 'baton' });
    const orders = new Map<HostId, Order>();
    for (const host of hosts) orders.set(host, await this.#put(host, order));
    const waiting: HostId[] = [];
    for (const [host, given] of orders) {
      const report = await this.#untilLost(host, () =>
        this.#answer(host, given, { holds: ({ phase }) => phase === 'staged' || isSettled(phase) }),
      );
      if (report.phase === 'staged') waiting.push(host);
    }
    if (waiting.length === 0) return;
    const epoch = this.#epoch;
    await this.#write(this.#keys.chain(upgrade), { v: 1, upgrade, epoch, hosts: waiting });
    await this.#write(this.#keys.baton(upgrade), { v: 1, epoch, position: 0, holder: waiting[0] });
    await this.#until(() => this.#isChainOver(waiting, orders));
  }

  #isChainOver(hosts: readonly HostId[], orders: ReadonlyMap<HostId, Order>): true | null {
    const baton = this.#store.json<Baton>(this.#keys.baton(this.#mission.upgrade));
    const chained = hosts.map((host) => ({ host, order: orders.get(host) }));
    const failed = chained.find(
      ({ host, order }) =>
        order !== undefined &&
        this.#answer(host, order, { holds: ({ phase }) => phase === 'reverted' || phase === 'stuck' }) !== null,
    );
    return (baton?.epoch === this.#epoch && baton.holder === null) || failed !== undefined ? true : null;
  }

  async #services(): Promise<void> {
    const { service, hosts, onFailure } = this.#mission;
    if (service === null) return;
    const { name, upgrade, groups } = service;
    const wholes = service.back === 'all' ? [groups.flat()] : [...groups].reverse();
    const forward = hosts.filter((one) => this.#isOn(one));
    for (const host of forward) {
      for (const containers of groups) {
        const report = await this.#order(host, { action: 'service', upgrade, service: { name, containers } });
        const isDone = report.refused === null && report.phase === 'done';
        if (!isDone && onFailure === 'stop') break;
      }
    }
    if (service.back === 'no') return;
    // A host that never came on the release has no members of it. A late report may say so for a moment.
    const back = hosts.filter((one) => forward.includes(one) || this.#isOn(one));
    for (const host of hosts.filter((one) => !back.includes(one))) this.passedOver.add(host);
    for (const host of back.reverse()) {
      for (const containers of wholes) {
        await this.#order(host, { action: 'revert', upgrade, service: { name, containers } });
      }
    }
  }

  async #order(host: HostId, asked: Asked): Promise<Report> {
    const order = await this.#put(host, this.#newOrder(asked));
    return this.#untilLost(host, () => this.#answer(host, order, { holds: ({ phase }) => isSettled(phase) }));
  }

  #newOrder(asked: Asked): Order {
    this.#sequence += 1;
    const { upgrade, release } = this.#mission;
    const base = { v: 1, upgrade, hop: 0, epoch: this.#epoch, sequence: this.#sequence, release } as const;
    return { ...base, step: null, service: null, edited: null, start: 'now', deadlineMs: 60_000, ...asked };
  }

  async #put(host: HostId, order: Order): Promise<Order> {
    await this.#write(this.#keys.order(host), order);
    this.#world.note(
      () => `worker ${this.#epoch} orders ${host} ${order.action} ${order.epoch}.${order.sequence} ${order.start}`,
    );
    return order;
  }

  /** The answer to this order, if it holds; a refusal is one, unless the host is only busy. */
  #answer(
    host: HostId,
    order: Order,
    { holds, isBusyAnAnswer = false }: { holds: (report: Report) => boolean; isBusyAnAnswer?: boolean },
  ): Report | null {
    // A wipe takes orders with it, a stale one replaces them; whoever gave one gives it again.
    const key = this.#keys.order(host);
    if (this.#store.get(key)?.value !== JSON.stringify(order)) this.#apply(key, order);
    const report = this.#store.json<Report>(this.#keys.report(host));
    if (report === null || !isSameOrder(report, order)) return null;
    if (report.refused !== null) return report.refused.startsWith('busy') && !isBusyAnAnswer ? null : report;
    return holds(report) ? report : null;
  }

  #isDone(host: HostId): boolean {
    const report = this.#store.json<Report>(this.#keys.report(host));
    return report?.phase === 'done' && report.installed?.digest === this.#mission.release.digest;
  }

  #isOn(host: HostId): boolean {
    const report = this.#store.json<Report>(this.#keys.report(host));
    return report?.installed?.digest === this.#mission.release.digest;
  }

  /** An order is on its way, or not settled, or a wipe took what would tell. */
  #isOpen(host: HostId): boolean {
    const order = this.#store.json<Order>(this.#keys.order(host));
    const report = this.#store.json<Report>(this.#keys.report(host));
    if (order === null) return report === null ? this.#epoch > 1 : !isSettled(report.phase);
    return report === null || !isSameOrder(order, report) || !isSettled(report.phase) || report.refused !== null;
  }

  #hasAnswered(host: HostId): boolean {
    const order = this.#store.json<Order>(this.#keys.order(host));
    const report = this.#store.json<Report>(this.#keys.report(host));
    return order !== null && report !== null && isSameOrder(order, report);
  }

  async #write(key: string, value: unknown): Promise<void> {
    await this.#pause();
    this.#assertMine();
    this.#apply(key, value);
  }

  #apply(key: string, value: unknown): void {
    this.#store.apply({ conditions: [], puts: [{ key, value: JSON.stringify(value) }] });
  }

  async #until<Value>(look: () => Value | null): Promise<Value> {
    for (;;) {
      await this.#pause();
      this.#assertMine();
      const value = look();
      if (value !== null) return value;
    }
  }

  /** The run of a host that is lost is aborted; what it was ordered stays on the bus. */
  async #untilLost<Value>(host: HostId, look: () => Value | null): Promise<Value> {
    let silentSince: number | null = null;
    return this.#until(() => {
      silentSince = this.#isAlive(host) ? null : (silentSince ?? this.#world.now);
      const value = look();
      if (value === null && silentSince !== null && this.#world.now - silentSince >= SILENCE_MS) throw new Aborted();
      return value;
    });
  }

  #assertMine(): void {
    if (this.#fence.epoch !== this.#epoch) throw new Fenced();
    if (this.isAborted) throw new Aborted();
  }

  async #pause(): Promise<void> {
    do {
      await this.#world.delay(LOOK_MS);
    } while (this.isSuspended);
  }
}

class Fenced extends Error {}
class Aborted extends Error {}
