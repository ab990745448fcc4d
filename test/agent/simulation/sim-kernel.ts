import type { World } from './world.ts';

/** How a host's new kernel is: it ends at once, it starts without an agent, or all is well with it. */
export type KernelFault = 'panics' | 'no agent' | null;

const [OLD, NEW] = ['1', '2'] as const;
type Kernel = typeof OLD | typeof NEW;

/** Time from the start of a kernel on trial until the host goes back by itself; virtual ms. */
const CONFIRM_WITHIN_MS = 6_000;

/** What of a host says which kernel it starts; it outlives agents and boots. */
export class SimKernel {
  readonly #world: World;
  readonly #fault: KernelFault;
  readonly #say: (what: string) => void;
  #running: Kernel = OLD;
  #standard: Kernel = OLD;
  #once: Kernel | null = null;
  #isOnTrial = false;
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
    if (next === NEW && this.#isOnTrial) {
      this.#world.after(CONFIRM_WITHIN_MS, () => {
        if (!this.#isOnTrial || start !== this.#starts) return;
        this.#standard = OLD;
        restart();
      });
    }
    if (next !== NEW || this.#fault !== 'no agent') return true;
    if (!this.#isOnTrial) this.#say('has neither an agent nor a trial that ends');
    return false;
  }

  /** In the order in which a power cut at any moment leaves a host that starts. */
  async install(take: (what: string) => Promise<void>): Promise<void> {
    this.#standard = OLD;
    await take('fall back set up');
    this.#isInstalled = true;
    await take('kernel installed');
    this.#isOnTrial = true;
    await take('trial begun');
    this.#once = NEW;
  }

  async confirm(take: (what: string) => Promise<void>): Promise<void> {
    if (this.#running !== NEW) throw new Error('another kernel runs');
    this.#standard = NEW;
    await take('kernel made the default');
    this.#isOnTrial = false;
  }

  undo(): void {
    this.#standard = OLD;
    this.#once = null;
    this.#isOnTrial = false;
  }

  remove(): void {
    if (this.#running === NEW) this.#say('removes the kernel that runs');
    this.#isInstalled = false;
  }

  get isInstalled(): boolean {
    return this.#isInstalled && (this.#running === NEW || (this.#once === NEW && this.#isOnTrial));
  }

  get isConfirmed(): boolean {
    return this.#running === NEW && this.#standard === NEW && !this.#isOnTrial;
  }

  /** What is left of it on a host that is back, or was never touched; null: nothing. */
  leftover(): string | null {
    const { running, standard, once } = { running: this.#running, standard: this.#standard, once: this.#once };
    const isClean = running === OLD && standard === OLD && once === null && !this.#isOnTrial && !this.#isInstalled;
    return isClean
      ? null
      : JSON.stringify({ running, standard, once, trial: this.#isOnTrial, there: this.#isInstalled });
  }
}
