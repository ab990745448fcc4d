import {
  EngineError,
  type ContainerEngine,
  type ContainerSpec,
  type ContainerState,
  type ContainerWish,
} from '../../model/engine.ts';
import {
  isStandIn,
  keptName,
  type PutBack,
  type PutBackOutcome,
  type ReplacementOutcome,
} from '../../model/replacement.ts';
import { isAsWished, putBack, replace } from './fake-replacement.ts';

const away = (): Promise<never> => Promise.reject(new EngineError('refused', 'no engine in this test'));

/** For hosts whose releases have no container step. */
export const noEngine: ContainerEngine = {
  imagePresent: away,
  inspectContainer: away,
  createContainer: away,
  startContainer: away,
  stopContainer: away,
  renameContainer: away,
  removeContainer: away,
  setRestartPolicy: away,
  replaceContainer: away,
  putBackContainer: away,
  compareContainer: away,
  discardKept: away,
};

export type FakeContainer = ContainerSpec & {
  readonly id: string;
  name: string;
  status: 'created' | 'running' | 'exited';
  restartPolicy: ContainerSpec['restart'];
};

/** Containers of one engine in memory, with names that are taken, and calls that are cut off after their effect. */
export class FakeEngine implements ContainerEngine {
  readonly images = new Set<string>(['any']);
  diesAtOnce = false;
  /** Calls that find the engine away. */
  awayFor = 0;
  #containers: FakeContainer[] = [];
  #number = 0;
  #failIn = 0;

  /** The n-th changing call from here takes effect, and its caller never learns of it. */
  failCall(number: number): void {
    this.#failIn = number;
  }

  names(): readonly string[] {
    return this.#containers.map(({ name, status, restartPolicy }) => `${name} ${status} ${restartPolicy}`).sort();
  }

  find(container: string): FakeContainer | null {
    return this.#containers.find(({ id, name }) => id === container || name === container) ?? null;
  }

  imagePresent(reference: string): Promise<boolean> {
    return Promise.resolve(this.images.has('any') || this.images.has(reference));
  }

  inspectContainer(container: string): Promise<ContainerState | null> {
    if (this.awayFor > 0) {
      this.awayFor -= 1;
      return Promise.reject(new EngineError('unreachable', 'the engine is away'));
    }
    const found = this.find(container);
    if (found === null) return Promise.resolve(null);
    const { id, name, image, labels, status, restartPolicy } = found;
    const running = status === 'running';
    const state = { id, name, image, imageId: image, labels, status, running, restartPolicy };
    return Promise.resolve({ ...state, exitCode: running ? 0 : 1, health: 'none', startedAt: '', raw: {} });
  }

  createContainer(spec: ContainerSpec): Promise<{ id: string; adopted: boolean }> {
    const taken = this.find(spec.name);
    if (taken !== null) return Promise.resolve({ id: taken.id, adopted: true });
    this.#number += 1;
    const id = this.#number.toString(16).padStart(8, '0').padEnd(64, '0');
    // A stand-in is created without its restart policy.
    const restartPolicy = isStandIn(spec.name) ? 'no' : spec.restart;
    this.#containers.push({ ...spec, id, status: 'created', restartPolicy });
    return this.#answer({ id, adopted: false });
  }

  startContainer(container: string): Promise<void> {
    const found = this.#must(container);
    found.status = this.diesAtOnce ? 'exited' : 'running';
    return this.#answer(undefined);
  }

  stopContainer(container: string): Promise<void> {
    this.#must(container).status = 'exited';
    return this.#answer(undefined);
  }

  renameContainer(container: string, name: string): Promise<void> {
    if (this.find(name) !== null) return Promise.reject(new EngineError('conflict', `the name ${name} is taken`));
    this.#must(container).name = name;
    return this.#answer(undefined);
  }

  removeContainer(container: string): Promise<void> {
    this.#containers = this.#containers.filter(({ id, name }) => id !== container && name !== container);
    return this.#answer(undefined);
  }

  setRestartPolicy(container: string, policy: ContainerSpec['restart']): Promise<void> {
    this.#must(container).restartPolicy = policy;
    return this.#answer(undefined);
  }

  replaceContainer(replacement: Parameters<ContainerEngine['replaceContainer']>[0]): Promise<ReplacementOutcome> {
    return replace(this, replacement);
  }

  putBackContainer(way: PutBack): Promise<PutBackOutcome> {
    return putBack(this, way);
  }

  compareContainer(wish: ContainerWish): Promise<'same' | 'different' | 'absent'> {
    const found = this.find(wish.container);
    if (found === null) return Promise.resolve('absent');
    return Promise.resolve(isAsWished(found, wish) ? 'same' : 'different');
  }

  async discardKept(container: string, only: string | null): Promise<number> {
    const kept = this.#containers.filter(
      ({ id, name }) => name === keptName(container, id) && (only === null || id === only),
    );
    for (const { id } of kept) await this.removeContainer(id);
    return kept.length;
  }

  #must(container: string): FakeContainer {
    const found = this.find(container);
    if (found === null) throw new EngineError('notFound', `no container ${container}`);
    return found;
  }

  #answer<Value>(value: Value): Promise<Value> {
    this.#failIn -= 1;
    return this.#failIn === 0 ? Promise.reject(new Error('the agent was killed here')) : Promise.resolve(value);
  }
}
