import type { World } from './world.ts';

/** How a host's new kernel is: it ends at once, it starts without an agent, its host is never healthy on it, or all is well with it. */
export type KernelFault = 'panics' | 'no agent' | 'sick' | null;

const [OLD, NEW] = ['1', '2'] as const;
type Kernel = typeof OLD | typeof NEW;

/** Takes time, in which the host may lose its agent or its power. */
export type Take = (what: string) => Promise<void>;

/** Most time between a trial's end and the restart; virtual ms. */
const RESTART_MS = 100;

/** What of a host says which kernel it starts; it outlives agents and boots. */
export class SimKernel {
  readonly #world: World;
  readonly #fault: KernelFault;
  readonly #say: (what: string) => void;
  #running: Kernel = OLD;
  #standard: Kernel = OLD;
  #once: Kernel | null = null;
  /** Time from its start until the host goes back by itself, virtual ms; null: it is not on trial. */
  #trialMs: number | null = null;
  /** The trial's time was over before anybody ended it. */
  #isOver = false;
  #isInstalled = false;
  #starts = 0;

  constructor(world: World, fault: KernelFault, say: (what: string) => void) {
    this.#world = world;
    this.#fault = fault;
    this.#say = say;
  }

  get running(): string {
    return this.#running;
  }

  /** Whether an agent comes up. `restart`: what the host does by itself later. */
  start(restart: () => void): boolean {
    this.#starts += 1;
    const start = this.#starts;
    const next: Kernel = this.#once ?? this.#standard;
    // Used up before the kernel is loaded.
    this.#once = null;
    if (next === NEW && !this.#isInstalled) this.#say('starts a kernel that was removed');
    if (next === NEW && this.#fault === 'panics') {
      if (this.#standard === NEW) this.#say('would start a kernel that panics for ever');
      return this.start(restart);
    }
    this.#running = next;
    if (next === NEW && this.#trialMs !== null) {
      this.#world.after(this.#trialMs, () => {
        if (this.#trialMs === null || start !== this.#starts) return;
        [this.#trialMs, this.#isOver] = [null, true];
        this.#world.after(this.#world.random.between(1, RESTART_MS), () => {
          if (start !== this.#starts) return;
          this.#standard = OLD;
          restart();
        });
      });
    }
    if (next !== NEW || this.#fault !== 'no agent') return true;
    if (this.#trialMs === null) this.#say('has neither an agent nor a trial that ends');
    return false;
  }

  /** In the order in which a power cut at any moment leaves a host that starts. */
  async install(withinMs: number, take: Take): Promise<void> {
    this.#standard = OLD;
    await take('fall back set up');
    this.#isInstalled = true;
    await take('kernel installed');
    [this.#trialMs, this.#isOver] = [withinMs, false];
    await take('trial begun');
    this.#once = NEW;
  }

  /** Agent and trial take it away from each other: whoever is late has lost. */
  async confirm(take: Take): Promise<void> {
    if (this.#running !== NEW) throw new Error('another kernel runs');
    if (this.#fault === 'sick') throw new Error('not healthy on the new kernel');
    if (this.#isOver) throw new Error('its time is over');
    this.#trialMs = null;
    await take('trial ended');
    this.#standard = NEW;
  }

  async undo(take: Take): Promise<void> {
    this.#standard = OLD;
    await take('the earlier kernel made the default');
    this.#once = null;
    await take('disarmed');
    this.#trialMs = null;
  }

  async remove(take: Take): Promise<void> {
    if (this.#running === NEW) this.#say('removes the kernel that runs');
    this.#isInstalled = false;
    await take('kernel removed');
  }

  get isInstalled(): boolean {
    return this.#isInstalled && (this.#running === NEW || (this.#once === NEW && this.#trialMs !== null));
  }

  get isConfirmed(): boolean {
    return this.#running === NEW && this.#standard === NEW && this.#trialMs === null;
  }

  /** What is left of it on a host that is back, or was never touched; null: nothing. */
  leftover(): string | null {
    const { running, standard, once } = { running: this.#running, standard: this.#standard, once: this.#once };
    const left = { running, standard, once, trial: this.#trialMs, there: this.#isInstalled };
    const isClean = running === OLD && standard === OLD && once === null && left.trial === null && !left.there;
    return isClean ? null : JSON.stringify(left);
  }
}
