import type { ChainEnd, ChainInput } from '../../activities/activities.ts';
import type { HostId } from '../../model/ids.ts';
import type { FakeFleet } from './fake-fleet.ts';
import type { FakeOrder } from './fake-host.ts';

/** A daisy chain in memory: once begun, it goes through the hosts by itself. */
export class FakeChain {
  position: number;
  isStoodDown = false;
  readonly hosts: readonly HostId[];
  readonly #fleet: FakeFleet;
  #isHeld = false;
  #order: FakeOrder;
  #isGoing = false;

  constructor(fleet: FakeFleet, hosts: readonly HostId[], input: ChainInput) {
    this.#fleet = fleet;
    this.hosts = hosts;
    this.position = input.offset;
    this.#order = toOrder(input);
  }

  /** The same start twice is one; a later one orders the rest again. */
  start(input: ChainInput): void {
    this.#order = toOrder(input);
    this.position = Math.max(this.position, input.offset);
    void this.#go();
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#fleet.changed(isHeld ? 'hold' : 'lift hold');
    if (!isHeld) void this.#go();
  }

  standDown(): void {
    this.isStoodDown = true;
    this.#fleet.changed('stand down');
  }

  end(): ChainEnd | null {
    const { position } = this;
    const holder = this.#holder();
    if (holder === null) return { end: 'through', position };
    const outcome = holder.isOrdered(this.#order) ? holder.outcome : null;
    if (outcome !== null) return outcome.state === 'done' ? null : { end: 'stopped', position, outcome };
    return this.#isHeld && !holder.isAtWork ? { end: 'held', position } : null;
  }

  #holder(): ReturnType<FakeFleet['host']> | null {
    const name = this.hosts[this.position];
    return name === undefined ? null : this.#fleet.host(name);
  }

  async #go(): Promise<void> {
    if (this.#isGoing) return;
    this.#isGoing = true;
    for (let holder = this.#holder(); holder !== null; holder = this.#holder()) {
      if (this.#isHeld || this.isStoodDown) break;
      const host = holder;
      host.order(this.#order);
      await this.#fleet.until(() => host.outcome !== null);
      if (host.outcome?.state !== 'done') break;
      this.position += 1;
      this.#fleet.changed(`baton to ${this.position + 1}`);
    }
    this.#isGoing = false;
  }
}

const toOrder = ({ epoch, sequence, release }: ChainInput): FakeOrder => ({
  ...{ epoch, sequence, release },
  action: 'install',
});
