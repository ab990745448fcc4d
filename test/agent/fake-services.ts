import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { aliveMark, type Places } from '../../agent/places.ts';
import type { ServiceManager } from '../../drivers/systemd.ts';
import { write } from './test-host.ts';

/** Starts what `current` points to: an agent that comes up leaves its mark. `onStart`: where a real one is to run. */
export class FakeServices implements ServiceManager {
  readonly calls: string[] = [];
  broken: string | null = null;
  #state = 'inactive';
  readonly #places: Places;
  readonly #onStart: () => void;

  constructor(of: Places, onStart: () => void = () => undefined) {
    this.#places = of;
    this.#onStart = onStart;
  }

  reload(): Promise<void> {
    return this.#did('reload');
  }

  enable(unit: string): Promise<void> {
    return this.#did(`enable ${unit}`);
  }

  start(unit: string): Promise<void> {
    return this.#did(`start ${unit}`);
  }

  restart(unit: string): Promise<void> {
    const version = readlinkSync(join(this.#places.agents, 'current'));
    const comesUp = version !== this.broken;
    this.#state = comesUp ? 'active' : 'activating';
    if (comesUp) {
      this.#onStart();
      write(aliveMark(this.#places), version);
    }
    return this.#did(`restart ${unit} as ${version}`);
  }

  activeState(): Promise<string> {
    return Promise.resolve(this.#state);
  }

  close(): void {
    this.calls.push('close');
  }

  #did(call: string): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}
