import { runAgent } from '../../../agent/core/agent.ts';
import { readDisk } from '../../../agent/core/reading.ts';
import type { JournalBody } from '../../../agent/core/records.ts';
import { installedRelease, phaseOf, type AgentState } from '../../../agent/core/state.ts';
import type { AgentPorts, Disk, DiskFile, HostSteps, StepPlace } from '../../../agent/ports.ts';
import { noMember } from '../../../agent/quorum.ts';
import { compareOrders, isSameOrder, type Order } from '../../../model/bus.ts';
import type { FleetId, HostId } from '../../../model/ids.ts';
import type { HostStep } from '../../../agent/host-work.ts';
import type { Release } from '../../../model/release.ts';
import { SimKernel, type KernelFault } from './sim-kernel.ts';
import { withKernel } from './sim-kernel-steps.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** Thrown by what a dead process calls; nobody is there to see it. */
class Killed extends Error {}
/** One for all: a stack a kill would be most of the simulation's time. */
const killed = new Killed('killed');

export type HostFaults = {
  /** Kills of this host's agent that are left. */
  kills: number;
  /** Share of port calls before or after which it is killed. */
  readonly killShare: number;
  /** Step that fails; with its effect, or without. */
  readonly failing: { readonly index: number; readonly afterEffect: boolean } | null;
  readonly isUnhealthy: boolean;
  readonly undoFails: boolean;
  /** Share of journal writes that find no room. */
  readonly fullShare: number;
  readonly kernel: KernelFault;
  /** Share of kills that are losses of power. */
  readonly powerShare: number;
  /** A deliberately wrong disk: what was appended is lost with the process. */
  readonly forgetsUnsynced: boolean;
  /** A deliberately wrong way back: it goes on while the new kernel still runs. */
  readonly staysOnKernel: boolean;
};

/** One host: what is on its disk and what its steps have done outlives the agent's processes and the boots. */
export class SimHost {
  readonly #world: World;
  readonly #store: Store;
  readonly #release: (digest: string) => Release | null;
  readonly #faults: HostFaults;
  readonly id: HostId;
  readonly #fleet: FleetId;
  #journals = new Map<string, string>();
  #unsynced: string | null = null;
  readonly #files = new Map<DiskFile, string>();
  /** What the host is, by thingOf; a step sets one of them. */
  readonly things = new Map<string, string>();
  readonly kernel: SimKernel;
  highest: Order | null = null;
  #obeyed: Order | null = null;
  isAtWork = false;
  /** Nothing that it says reaches the bus, and nothing reaches it. */
  isCutOff = false;
  onWork: (isAtWork: boolean) => void = () => undefined;
  #boot = 1;
  #process = 0;

  constructor(options: {
    world: World;
    store: Store;
    id: HostId;
    fleet: FleetId;
    faults: HostFaults;
    release: (digest: string) => Release | null;
  }) {
    this.#world = options.world;
    this.#store = options.store;
    this.id = options.id;
    this.#fleet = options.fleet;
    this.#faults = options.faults;
    this.#release = options.release;
    const { world, faults, id } = options;
    this.kernel = new SimKernel(world, faults.kernel, (what) => world.violate(`${id} ${what}`));
  }

  start(): void {
    this.#process += 1;
    const process = this.#process;
    const isAlive = (): boolean => process === this.#process;
    const enter = (what: string): void => this.#enter(process, what);
    const ports: AgentPorts = {
      bus: this.#store.connect(isAlive, enter, () => !this.isCutOff),
      clock: this.#world.clock(isAlive),
      disk: this.#disk(process),
      releases: {
        verify: async (ref) => {
          await this.#take(process, 'verify release', 3);
          const release = this.#release(ref.digest);
          return release === null ? { ok: false, problem: 'no such release' } : { ok: true, release };
        },
      },
      steps: this.#steps(process),
      probes: {
        check: async () => {
          await this.#take(process, 'probe', 2);
          return this.#faults.isUnhealthy ? 'sick' : null;
        },
      },
      quorum: noMember,
      boot: {
        bootId: () => `boot-${this.#boot}`,
        kernel: () => this.kernel.running,
        reboot: async () => {
          await this.#take(process, 'reboot', 5);
          this.#world.after(this.#world.random.between(1, 400), () => {
            if (isAlive()) this.#reboot('by a reboot');
          });
        },
      },
      facts: () => {
        throw new Error('no sign of life is written here');
      },
      log: (event, fields) => this.#world.note(() => `${this.id}#${process} ${event} ${JSON.stringify(fields)}`),
    };
    runAgent({ host: this.id, fleet: this.#fleet, version: 'sim' }, ports, new AbortController().signal).catch(
      (error: unknown) => {
        if (isAlive()) this.#world.violate(`the agent of ${this.id} ended by itself: ${String(error)}`);
      },
    );
  }

  /** kill -9, and the service manager starts another. */
  kill(why: string): void {
    this.#end(why);
    this.#world.after(this.#world.random.between(50, 1_500), () => this.start());
  }

  readonly cutPower = (): void => this.#reboot('by a loss of power');

  #end(why: string): void {
    this.#world.note(() => `${this.id}#${this.#process} killed ${why}`);
    this.#process += 1;
    this.#forget();
  }

  /** kill -9, or all of the host at once, which has its boot loader decide. */
  #killOrCut(why: string): void {
    if (this.#world.random.chance(this.#faults.powerShare)) this.#reboot(`by a loss of power ${why}`);
    else this.kill(why);
  }

  /**
   * Away from the bus, with an agent that begins anew. Only a host that has nothing in hand: whether one that accepted an
   * order and could not say so is at work, no worker can know.
   */
  cutOff(ms: number): void {
    if (this.isCutOff || !['idle', 'done', 'reverted'].includes(this.phase())) return;
    this.isCutOff = true;
    this.kill('and cut off');
    this.#world.after(ms, () => this.reconnect());
  }

  reconnect(): void {
    if (this.isCutOff) this.#world.note(() => `${this.id} is no longer cut off`);
    this.isCutOff = false;
  }

  get canGetStuck(): boolean {
    return this.#faults.undoFails;
  }

  state(): AgentState {
    return readDisk(this.#disk(this.#process)).state;
  }

  readonly phase = (): string => phaseOf(this.state());

  installed(): string | null {
    return installedRelease(this.state())?.version ?? null;
  }

  installedFile(): string | null {
    const text = this.#files.get('installed.json');
    return text === undefined ? null : ((JSON.parse(text) as { version: string } | null)?.version ?? null);
  }

  #reboot(why: string): void {
    this.#world.note(() => `${this.id} reboots`);
    this.#boot += 1;
    this.#end(why);
    if (!this.kernel.start(() => this.#reboot('by its own trial'))) return;
    const process = this.#process;
    this.#world.after(this.#world.random.between(50, 1_500), () => {
      if (process === this.#process) this.start();
    });
  }

  #forget(): void {
    if (!this.#faults.forgetsUnsynced || this.#unsynced === null) return;
    const text = this.#journals.get(this.#unsynced) ?? '';
    this.#journals.set(this.#unsynced, text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1));
    this.#unsynced = null;
  }

  #enter(process: number, what: string): void {
    if (process !== this.#process) throw killed;
    if (!this.#world.isFaulty || this.#faults.kills === 0 || !this.#world.random.chance(this.#faults.killShare)) return;
    this.#faults.kills -= 1;
    this.#killOrCut(what);
    throw killed;
  }

  /** A call that takes time; a process that died meanwhile never sees its end. */
  async #take(process: number, what: string, ms: number): Promise<void> {
    this.#enter(process, `before ${what}`);
    await this.#world.delay(this.#world.random.between(1, ms));
    if (process !== this.#process) await new Promise(() => undefined);
    this.#enter(process, `after ${what}`);
  }

  #disk(process: number): Disk {
    return {
      journals: () => [...this.#journals.keys()].sort(),
      readJournal: (name) => this.#journals.get(name) ?? '',
      append: (name, text) => this.#append(process, name, text),
      truncate: (name, sizeBytes) => {
        this.#enter(process, 'before truncate');
        const bytes = Buffer.from(this.#journals.get(name) ?? '').subarray(0, sizeBytes);
        this.#journals.set(name, bytes.toString());
      },
      removeJournal: (name) => {
        this.#enter(process, 'before remove');
        this.#keepInstalled(`forgot ${name}`, () => this.#journals.delete(name));
      },
      freeReserve: () => undefined,
      read: (name) => this.#files.get(name) ?? null,
      write: (name, text) => {
        this.#enter(process, `before write ${name}`);
        this.#files.set(name, text);
        if (name === 'answered.json') this.#sawOrder((JSON.parse(text) as { order: Order }).order);
        this.#enter(process, `after write ${name}`);
      },
    };
  }

  /** Killed in the middle of it, a part of the record is there, or all of it without its end having been seen. */
  #append(process: number, name: string, text: string): void {
    this.#enter(process, `before append ${name}`);
    const { random, isFaulty } = this.#world;
    if (isFaulty && random.chance(this.#faults.fullShare)) throw new Error('ENOSPC: no space left on device');
    const before = this.#journals.get(name) ?? '';
    if (isFaulty && this.#faults.kills > 0 && random.chance(this.#faults.killShare)) {
      this.#faults.kills -= 1;
      this.#journals.set(name, before + text.slice(0, random.between(0, text.length - 1)));
      this.#unsynced = null;
      this.#killOrCut(`in the middle of a record of ${name}`);
      throw killed;
    }
    const write = (): unknown => this.#journals.set(name, before + text);
    if (this.#isForService(before || text)) this.#keepInstalled(`wrote ${text}`, write);
    else write();
    this.#unsynced = name;
    this.#judge(JSON.parse(text) as { body: JournalBody });
    this.#enter(process, `after append ${name}`);
  }

  #isForService(journal: string): boolean {
    const { body } = JSON.parse(journal.split('\n')[0] ?? '') as { body: JournalBody };
    return body.type === 'accepted' && body.order.action === 'service';
  }

  /** Neither an order for a service nor its way back changes what the host is on, nor does forgetting. */
  #keepInstalled(what: string, change: () => void): void {
    const before = this.installed();
    change();
    const after = this.installed();
    if (before !== after)
      this.#world.violate(`${this.id} was on ${before ?? 'nothing'}, and ${what}: ${after ?? 'nothing'}`);
  }

  /** Watches what the agent commits itself to. */
  #judge({ body }: { body: JournalBody }): void {
    this.#world.note(() => `${this.id} journal ${JSON.stringify({ ...body, host: undefined, order: undefined })}`);
    if (body.type === 'accepted' || body.type === 'adopted') {
      // A revert over several works goes on with the order that was obeyed.
      const goesOn = this.#obeyed !== null && isSameOrder(this.#obeyed, body.order);
      this.#obeyed = body.order;
      if (!goesOn && this.highest !== null && compareOrders(body.order, this.highest) < 0) {
        this.#world.violate(`${this.id} obeyed a stale order ${body.order.epoch}.${body.order.sequence}`);
      }
      this.#sawOrder(body.order);
    }
    if ((body.type === 'accepted' && body.begun) || body.type === 'begun') this.#work(true);
    if (body.type === 'stepStarted' || body.type === 'undoStarted') this.#work(true);
    if (body.type === 'finished') this.#work(false);
  }

  #work(isAtWork: boolean): void {
    if (isAtWork === this.isAtWork) return;
    this.isAtWork = isAtWork;
    this.onWork(isAtWork);
  }

  #sawOrder(order: Order): void {
    if (this.highest === null || compareOrders(order, this.highest) > 0) this.highest = order;
  }

  #steps(process: number): HostSteps {
    const { random } = this.#world;
    const take = (what: string, ms = 40): Promise<void> => this.#take(process, what, ms);
    const wanted = (place: StepPlace): string => place.release.version;
    const steps: HostSteps = {
      check: async (step, place) => {
        await take(`check ${step.id}`, 5);
        return this.things.get(thingOf(step)) === wanted(place);
      },
      capture: async (step) => {
        await take(`capture ${step.id}`, 5);
        return { was: this.things.get(thingOf(step)) ?? null };
      },
      apply: async (step, place) => {
        await take(`apply ${step.id}`);
        const fails = this.#faults.failing?.index === place.index;
        if (fails && !this.#faults.failing.afterEffect) throw new Error('it fails');
        if (this.things.get(thingOf(step)) === wanted(place)) this.#world.violate(`${this.id} did ${step.id} twice`);
        this.things.set(thingOf(step), wanted(place));
        await take(`applied ${step.id}`, random.between(1, 200));
        if (fails) throw new Error('it fails after its effect');
      },
      verify: async (step, place) => {
        await take(`verify ${step.id}`, 3);
        const is = this.things.get(thingOf(step)) ?? 'absent';
        return { problem: is === wanted(place) ? null : `${step.id} is ${is}`, measured: { [step.id]: is } };
      },
      undo: async (step, place) => {
        await take(`undo ${step.id}`);
        if (this.#faults.undoFails) throw new Error('the undo fails');
        this.#putBack(step, place);
        await take(`undone ${step.id}`, 20);
      },
      settle: async (step) => take(`settle ${step.id}`, 5),
      needsRestart: () => Promise.resolve(false),
      question: () => Promise.resolve(null),
      probe: () => Promise.resolve({ ok: true, evidence: '' }),
    };
    return withKernel(steps, { kernel: this.kernel, take, isStuckOn: this.#faults.staysOnKernel });
  }

  #putBack(step: HostStep, place: StepPlace): void {
    const { was } = place.before as { was: string | null };
    if (was === null) this.things.delete(thingOf(step));
    else this.things.set(thingOf(step), was);
  }
}

/** A step's own thing; members are named, since an order numbers its steps anew. */
const thingOf = (step: HostStep): string => (step.type === 'member' ? memberThing(step.name) : step.id);
export const memberThing = (container: string): string => `member ${container}`;
