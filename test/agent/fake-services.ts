import { existsSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT_UNIT } from '../../agent/download/unit-file.ts';
import { hostClock } from '../../agent/host-clock.ts';
import { aliveMark, busMark, type Places } from '../../agent/places.ts';
import { runTrial } from '../../agent/trial/run-trial.ts';
import { TRIAL_UNIT } from '../../agent/trial/unit-file.ts';
import type { ServiceManager } from '../../drivers/systemd.ts';
import type { Clock } from '../../model/ports.ts';
import { write } from './test-host.ts';

type Fakes = {
  /** Where a real agent is to run. */
  readonly onStart?: () => void;
  readonly onStop?: () => void;
  /** The trial's; nobody sets it. */
  readonly clock?: Clock;
};

/**
 * Starts what `current` points to: an agent that comes up leaves its marks. A trial's unit runs the trial, in this process.
 * Which agent runs is in a file, since a service manager outlives those who ask it.
 */
export class FakeServices implements ServiceManager {
  readonly calls: string[] = [];
  /** This version never comes up. */
  broken: string | null = null;
  /** This one comes up, and shows no life on the bus. */
  deaf: string | null = null;
  /** Once the broken one has run, no other comes up either. */
  neverBack = false;
  /** The trial's program does not start. */
  isTrialDead = false;
  readonly #places: Places;
  readonly #fakes: Fakes;
  #trial: Promise<void> | null = null;
  #nobodyComesUp = false;

  constructor(of: Places, fakes: Fakes = {}) {
    this.#places = of;
    this.#fakes = fakes;
  }

  /** Version of the agent that was started last and not stopped since. */
  get running(): string | null {
    return existsSync(this.#runningFile) ? readFileSync(this.#runningFile, 'utf8') : null;
  }

  reload(): Promise<void> {
    return this.#did('reload');
  }

  enable(unit: string): Promise<void> {
    return this.#did(`enable ${unit}`);
  }

  disable(unit: string): Promise<void> {
    return this.#did(`disable ${unit}`);
  }

  start(unit: string): Promise<void> {
    if (unit === TRIAL_UNIT) this.#startTrial();
    else if (this.running === null) this.#startAgent();
    return this.#did(`start ${unit}`);
  }

  stop(unit: string): Promise<void> {
    if (unit === AGENT_UNIT) this.#stopAgent();
    return this.#did(`stop ${unit}`);
  }

  restart(unit: string): Promise<void> {
    if (unit === TRIAL_UNIT) {
      this.#startTrial();
      return this.#did(`restart ${unit}`);
    }
    this.#stopAgent();
    this.#startAgent();
    return this.#did(`restart ${unit} as ${this.running ?? 'nothing'}`);
  }

  activeState(unit: string): Promise<string> {
    if (unit === TRIAL_UNIT) return Promise.resolve(this.#trial === null ? 'inactive' : 'active');
    const { running } = this;
    return Promise.resolve(running === null ? 'inactive' : running === this.broken ? 'activating' : 'active');
  }

  close(): void {
    this.calls.push('close');
  }

  get #runningFile(): string {
    return join(this.#places.root, 'run/running-agent');
  }

  #startAgent(): void {
    const version = readlinkSync(join(this.#places.agents, 'current'));
    write(this.#runningFile, version);
    if (version === this.broken && this.neverBack) this.#nobodyComesUp = true;
    if (version === this.broken || this.#nobodyComesUp) return;
    this.#fakes.onStart?.();
    write(aliveMark(this.#places), version);
    if (version !== this.deaf) write(busMark(this.#places), version);
  }

  #stopAgent(): void {
    rmSync(this.#runningFile, { force: true });
    this.#fakes.onStop?.();
  }

  #startTrial(): void {
    if (this.isTrialDead) return;
    const clock = this.#fakes.clock ?? hostClock;
    this.#trial ??= runTrial({ places: this.#places, services: this, clock, elapsed: () => clock.now() }).finally(
      () => {
        this.#trial = null;
      },
    );
  }

  #did(call: string): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}
