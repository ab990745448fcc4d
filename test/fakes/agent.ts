import { encodeBusValue, parseBaton, parseChain, parseOrder } from '../../drivers/bus-values.ts';
import type { AgentPhase } from '../../model/agent-phase.ts';
import { busKeys, compareOrders, type Baton, type Order, type Report, type ReportError } from '../../model/bus.ts';
import type { FleetId, HostId } from '../../model/ids.ts';
import type { Bus, BusEntry } from '../../model/ports.ts';

/** What becomes of the next install. stall: it starts, and stays in `installing` until `finish`. */
export type Fate = 'done' | 'fail' | 'unhealthy' | 'stuck' | 'stall' | 'refuse' | 'busy' | 'wrong';

/** A host's agent in a few lines: obeys the highest order, one at a time, over a real or simulated bus. */
export class FakeAgent {
  readonly host: HostId;
  /** Orders as they were begun. */
  readonly begun: Order[] = [];
  installed: Report['installed'] = null;
  /** Where `revert` leads. */
  before: Report['installed'] = null;
  version = 'agent-1';
  readonly #bus: Bus;
  readonly #fleet: FleetId;
  readonly #fates: Fate[] = [];
  #life = new AbortController();
  #highest: Order | null = null;
  #phase: AgentPhase = 'idle';
  #waiting: Order | null = null;
  #stalled: Order | null = null;
  #refused: Order | null = null;
  #entries: readonly BusEntry[] = [];
  #follows: string | null = null;
  #keepsBaton = false;
  /** One write after the other, as a real agent's sender does it. */
  #sending: Promise<unknown> = Promise.resolve();

  constructor(bus: Bus, { fleet, host }: { readonly fleet: FleetId; readonly host: HostId }) {
    this.#bus = bus;
    this.#fleet = fleet;
    this.host = host;
  }

  /** Shows life, and obeys. */
  start(): this {
    const keys = busKeys(this.#fleet);
    const { signal } = (this.#life = new AbortController());
    this.#bus.keepAlive({ key: keys.alive(this.host), value: () => this.#alive(), ttlMs: TTL_MS, signal });
    this.#bus.watch(keys.host(this.host), (entries) => this.#onHost(entries), signal);
    this.#follows = null;
    return this;
  }

  /** As with kill -9: the lease runs out by itself. */
  kill(): void {
    this.#life.abort();
  }

  next(...fates: readonly Fate[]): this {
    this.#fates.push(...fates);
    return this;
  }

  /** Does what it is to do, but keeps the baton: an agent that dies between the two. */
  keepBaton(): this {
    this.#keepsBaton = true;
    return this;
  }

  /** Looks again at what it was too busy for. */
  free(): void {
    const order = this.#refused;
    this.#refused = null;
    if (order !== null) this.#begin(order);
  }

  /** Ends what stalled. */
  finish(): void {
    const order = this.#stalled;
    this.#stalled = null;
    if (order !== null) this.#done(order);
  }

  get phase(): AgentPhase {
    return this.#phase;
  }

  #onHost(entries: readonly BusEntry[]): void {
    const entry = entries.find(({ key }) => key === busKeys(this.#fleet).order(this.host));
    const parsed = entry === undefined ? null : parseOrder(entry.value);
    if (parsed?.ok === true) this.#take(parsed.value);
  }

  #take(order: Order): void {
    const compared = this.#highest === null ? 1 : compareOrders(order, this.#highest);
    if (compared < 0) this.#report(order, { refused: 'stale order' });
    if (compared <= 0) return;
    this.#highest = order;
    if (order.action === 'probe') {
      this.#report(order, { probe: { ok: true, evidence: 'would work' } });
    } else if (order.action === 'stand-down' || order.action === 'revert') {
      this.#waiting = null;
      this.installed = order.action === 'revert' && order.service === null ? this.before : this.installed;
      this.#settle(order, 'reverted', null);
    } else if (order.start === 'baton') {
      this.#waiting = order;
      this.#report(order, { phase: 'staged' });
      this.#followChain(order);
    } else {
      this.#begin(order);
    }
  }

  #followChain(order: Order): void {
    const prefix = busKeys(this.#fleet).batonOf(order.upgrade);
    if (this.#follows === prefix) {
      void this.#onBaton(order);
      return;
    }
    this.#follows = prefix;
    const onEntries = (entries: readonly BusEntry[]): void => {
      this.#entries = entries;
      void this.#onBaton(order);
    };
    this.#bus.watch(prefix, onEntries, this.#life.signal);
    this.#bus.watch(busKeys(this.#fleet).upgrade(order.upgrade), () => void this.#onBaton(order), this.#life.signal);
  }

  /** The hold is read when the turn is here, as the agent does. */
  async #onBaton({ upgrade }: Order): Promise<void> {
    if (this.#turn() === null) return;
    const hold = await this.#bus.read(busKeys(this.#fleet).hold(upgrade)).catch(() => 'unread');
    const order = this.#turn();
    if (hold !== null || order === null || this.#life.signal.aborted) return;
    this.#waiting = null;
    this.#begin(order);
  }

  /** The order that waits, once the baton is here. */
  #turn(): Order | null {
    return this.#waiting === null || this.#heldBaton(this.#waiting) === null ? null : this.#waiting;
  }

  #heldBaton({ upgrade, epoch }: Order): { readonly baton: Baton; readonly revision: string } | null {
    const entry = this.#entries.find(({ key }) => key === busKeys(this.#fleet).baton(upgrade));
    const parsed = entry === undefined ? null : parseBaton(entry.value);
    if (entry === undefined || parsed?.ok !== true) return null;
    const isMine = parsed.value.holder === this.host && parsed.value.epoch === epoch;
    return isMine ? { baton: parsed.value, revision: entry.revision } : null;
  }

  #begin(order: Order): void {
    const fate = this.#fates.shift() ?? 'done';
    if (fate === 'refuse' || fate === 'busy') {
      this.#refused = fate === 'busy' ? order : null;
      this.#report(order, { refused: fate === 'busy' ? 'busy with something else' : UNVERIFIED });
      return;
    }
    this.begun.push(order);
    this.#report(order, { phase: 'installing' });
    const error = { step: null, message: `${this.host} was told to ${fate}` };
    if (fate === 'stall') this.#stalled = order;
    else if (fate === 'fail') this.#settle(order, 'reverted', { ...error, kind: 'failed' });
    else if (fate === 'unhealthy') this.#settle(order, 'reverted', { ...error, kind: 'unhealthy' });
    else if (fate === 'stuck') this.#settle(order, 'stuck', { ...error, kind: 'failed' });
    else if (fate === 'wrong') this.#settle(order, 'done', null);
    else this.#done(order);
  }

  #done(order: Order): void {
    const { name, version, digest } = order.release;
    // A service's upgrade leaves the host on what it is on.
    if (order.action === 'install') this.installed = { name, version, digest };
    this.#settle(order, 'done', null);
    if (order.start === 'baton' && !this.#keepsBaton) void this.#handOn(order);
  }

  async #handOn(order: Order): Promise<void> {
    const keys = busKeys(this.#fleet);
    await this.#sending;
    const held = this.#heldBaton(order);
    const chain = await this.#bus.read(keys.chain(order.upgrade));
    const parsed = chain === null ? null : parseChain(chain.value);
    if (held === null || parsed?.ok !== true) return;
    const position = held.baton.position + 1;
    const next: Baton = { ...held.baton, position, holder: parsed.value.hosts[position] ?? null };
    await this.#bus.write({
      conditions: [{ key: keys.baton(order.upgrade), revision: held.revision }],
      puts: [{ key: keys.baton(order.upgrade), value: encodeBusValue(next) }],
    });
  }

  #settle(order: Order, phase: 'done' | 'reverted' | 'stuck', error: ReportError | null): void {
    this.#report(order, { phase, error, finishedAt: Date.now() });
  }

  #report(order: Order, changes: Partial<Report>): void {
    this.#phase = changes.phase ?? this.#phase;
    const { upgrade, epoch, sequence, action } = order;
    const report: Report = {
      ...{ v: 1, upgrade, epoch, sequence, action, phase: this.#phase, refused: null, step: null, error: null },
      ...{ bootId: 'boot-1', agent: this.version, installed: this.installed, measured: {}, probe: null },
      ...{ startedAt: Date.now(), finishedAt: null, changedAt: Date.now() },
      ...changes,
    };
    const put = { key: busKeys(this.#fleet).report(this.host), value: encodeBusValue(report) };
    this.#sending = this.#sending.then(async () => this.#bus.write({ conditions: [], puts: [put] }));
  }

  #alive(): string {
    const { version: agent, installed } = this;
    const facts = {
      ...{ diskFreeBytes: 10 * 1024 ** 3, diskTotalBytes: 20 * 1024 ** 3, kernel: '6.1.0', architecture: 'x64' },
      ...{
        clockMs: Date.now(),
        installed,
        agent,
        phase: this.#phase,
        packages: {},
        bootLoader: null,
        engine: null,
        drift: [],
      },
    };
    const epoch = this.#highest?.epoch ?? 0;
    return encodeBusValue({ v: 1, agent, bootId: 'boot-1', phase: this.#phase, epoch, facts });
  }
}

const UNVERIFIED = 'release.json is not what the order says';
/** Lease of the fake; ms. Short, so that a killed one is soon seen as such. */
const TTL_MS = 300;
