import { createHash } from 'node:crypto';
import {
  EngineError,
  type ContainerFile,
  type ContainerSpec,
  type ContainerState,
  type ContainerSummary,
  type ContainerWish,
  type Engine,
  type EngineFailure,
  type EngineImage,
  type EngineInfo,
  type ImagePull,
  type Job,
  type JobOutcome,
  type NetworkConnection,
  type NetworkSpec,
  type OwnSettings,
  type PullFailure,
  type PullOutcome,
} from '../../model/engine.ts';
import type {
  ContainerHealth,
  PutBack,
  PutBackOutcome,
  Replacement,
  ReplacementOutcome,
} from '../../model/replacement.ts';
import { BrokenOff, FakeContainers } from './containers.ts';
import { FakeKeptJobs } from './kept-jobs.ts';
import { FakeSlots } from './slots.ts';

/** Calls that a test can have fail. */
export type EngineCall = keyof Engine;
type Failing = { readonly kind: EngineFailure; readonly isDone: boolean };

/**
 * A Docker Engine of images, jobs, networks and containers, as the activities use it. test/drivers holds the real one to the
 * same words.
 */
export class FakeEngine implements Engine {
  readonly images = new Set<string>();
  readonly pulls: ImagePull[] = [];
  readonly jobs: Job[] = [];
  readonly containers = new FakeContainers();
  /** Networks and volumes. */
  readonly slots = new FakeSlots(this.containers);
  readonly replacements: Replacement[] = [];
  /** Of images that are not made for the host; by reference. */
  readonly foreign = new Map<string, string>();
  /** What a job says and does; by the first word of its command, else of its entrypoint, else by its image. */
  readonly programs = new Map<string, (job: Job) => Promise<JobOutcome> | JobOutcome>();
  /** Jobs whose programs were run, and not only read again, by name. */
  readonly ran: string[] = [];
  /** What a container that was just started does; by its name or id, as it was started by. */
  onStart: (container: string) => void = () => undefined;
  readonly #host: string;
  readonly #kept = new FakeKeptJobs(this.containers);
  readonly #failing = new Map<EngineCall, Failing>();
  #isDown = false;
  #nextPull: PullFailure | null = null;

  constructor(host: string) {
    this.#host = host;
  }

  down(): void {
    this.#isDown = true;
  }

  up(): void {
    this.#isDown = false;
  }

  /** A container that runs, and its image. */
  run(name: string, image: string, labels: Readonly<Record<string, string>> = {}): string {
    this.images.add(image);
    return this.containers.add({ name, image, imageId: imageIdOf(image), labels }).id;
  }

  /** The next call of that name throws; done: what it does is done all the same, and only its answer is lost. */
  failNext(call: EngineCall, kind: EngineFailure = 'refused', when: 'undone' | 'done' = 'undone'): void {
    this.#failing.set(call, { kind, isDone: when === 'done' });
  }

  failNextPull(kind: PullFailure): void {
    this.#nextPull = kind;
  }

  async info(): Promise<EngineInfo> {
    await this.#reach();
    const counts = { containers: 0, running: 0 };
    const system = { architecture: 'x86_64', kernel: '6.1.0', rootDir: '/var/lib/docker', storageDriver: 'overlay2' };
    return { id: this.#host, name: this.#host, version: '20.10.24', ...system, ...counts };
  }

  async pullImage(pull: ImagePull): Promise<PullOutcome> {
    await this.#reach();
    this.pulls.push(pull);
    const kind = this.#nextPull;
    this.#nextPull = null;
    if (kind !== null) return { outcome: 'failed', kind, message: `${pull.reference}: ${kind}` };
    if (this.images.has(pull.reference)) return { outcome: 'alreadyThere' };
    pull.onProgress?.({ bytes: 1_000, totalBytes: 1_000 });
    this.images.add(pull.reference);
    return { outcome: 'pulled' };
  }

  async runJob(job: Job): Promise<JobOutcome> {
    return this.#call('runJob', job.signal, () => {
      this.jobs.push(job);
      const program = this.programs.get(job.command?.[0] ?? job.entrypoint?.[0] ?? job.image) ?? noProgram;
      const run = (attended: Job): Promise<JobOutcome> | JobOutcome => {
        this.ran.push(job.name);
        return program(attended);
      };
      return job.keep === true ? this.#kept.run(job, { run, imageId: this.#imageId(job.image) }) : run(job);
    });
  }

  async removeImage(reference: string): Promise<'removed' | 'absent'> {
    await this.#reach();
    return this.images.delete(reference) ? 'removed' : 'absent';
  }

  async imagePresent(reference: string): Promise<boolean> {
    await this.#reach();
    return this.images.has(reference);
  }

  async inspectImage(reference: string): Promise<EngineImage | null> {
    await this.#reach();
    const found = [...this.images].find((image) => image === reference || imageIdOf(image) === reference);
    if (found === undefined) return null;
    return { id: imageIdOf(found), architecture: this.foreign.get(found) ?? 'amd64', os: 'linux' };
  }

  async listContainers(labels: Readonly<Record<string, string>>): Promise<readonly ContainerSummary[]> {
    await this.#reach();
    const isLabelled = (found: Readonly<Record<string, string>>): boolean =>
      Object.entries(labels).every(([name, value]) => found[name] === value);
    return this.containers
      .all()
      .filter((container) => isLabelled(container.labels))
      .map(({ id, name, image, imageId, running, labels: found }) => ({
        id,
        name,
        image,
        imageId,
        running,
        labels: found,
      }));
  }

  async inspectContainer(container: string): Promise<ContainerState | null> {
    await this.#reach();
    const found = this.containers.find(container);
    return found === null ? null : this.containers.stateOf(found);
  }

  /** Images give nothing here. */
  async ownSettings(container: string): Promise<OwnSettings | null> {
    await this.#reach();
    const spec = this.containers.find(container)?.spec ?? null;
    if (spec === null) return null;
    const { env, volumes, network, memoryBytes } = spec;
    return { env, volumes, network, ...(memoryBytes !== undefined && { memoryBytes }) };
  }

  async replaceContainer(replacement: Replacement): Promise<ReplacementOutcome> {
    const image = await this.inspectImage(replacement.image);
    replacement.signal?.throwIfAborted();
    this.replacements.push(replacement);
    return this.#unlessBroken(() => this.containers.replace(replacement, image?.id ?? null));
  }

  async compareContainer(wish: ContainerWish): Promise<'same' | 'different' | 'absent'> {
    const image = await this.inspectImage(wish.image);
    return this.containers.compare(wish, image?.id ?? null);
  }

  async putBackContainer(way: PutBack): Promise<PutBackOutcome> {
    await this.#reach();
    return this.#unlessBroken(() => this.containers.putBack(way));
  }

  async discardKept(container: string, only: string | null): Promise<number> {
    await this.#reach();
    return this.containers.discardKept(container, only);
  }

  async createContainer(
    spec: ContainerSpec,
    signal?: AbortSignal,
  ): Promise<{ readonly id: string; readonly adopted: boolean }> {
    return this.#call('createContainer', signal, () => this.slots.create(spec, this.#imageId(spec.image)));
  }

  async startContainer(container: string, signal?: AbortSignal): Promise<void> {
    return this.#call('startContainer', signal, () => {
      this.slots.start(container);
      this.onStart(container);
    });
  }

  async stopContainer(container: string, { signal }: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#call('stopContainer', signal, () => this.slots.stop(container));
  }

  async removeContainer(
    container: string,
    { force, signal }: { readonly force: boolean; readonly signal?: AbortSignal },
  ): Promise<void> {
    return this.#call('removeContainer', signal, () => this.slots.remove(container, force));
  }

  async ensureNetwork(network: NetworkSpec, signal?: AbortSignal): Promise<void> {
    return this.#call('ensureNetwork', signal, () => this.slots.ensureNetwork(network));
  }

  async connectNetwork(connection: NetworkConnection, signal?: AbortSignal): Promise<void> {
    return this.#call('connectNetwork', signal, () => this.slots.connect(connection));
  }

  async disconnectNetwork(connection: Omit<NetworkConnection, 'aliases'>, signal?: AbortSignal): Promise<void> {
    return this.#call('disconnectNetwork', signal, () => this.slots.disconnect(connection));
  }

  async removeNetwork(name: string, signal?: AbortSignal): Promise<void> {
    return this.#call('removeNetwork', signal, () => this.slots.removeNetwork(name));
  }

  async putFiles(container: string, files: readonly ContainerFile[], signal?: AbortSignal): Promise<void> {
    return this.#call('putFiles', signal, () => this.slots.putFiles(container, files));
  }

  /** Answers at once: time does not pass here. */
  async awaitHealth(container: string, _health: ContainerHealth, signal?: AbortSignal): Promise<string | null> {
    return this.#call('awaitHealth', signal, () => this.slots.problemOf(container));
  }

  async removeVolumes(prefix: string, signal?: AbortSignal): Promise<number> {
    return this.#call('removeVolumes', signal, () => this.slots.removeVolumes(prefix));
  }

  renameContainer = never;
  setRestartPolicy = never;

  #imageId(reference: string): string | null {
    const found = [...this.images].find((image) => image === reference || imageIdOf(image) === reference);
    return found === undefined ? null : imageIdOf(found);
  }

  async #call<Answer>(
    call: EngineCall,
    signal: AbortSignal | undefined,
    work: () => Answer | Promise<Answer>,
  ): Promise<Answer> {
    await this.#reach();
    signal?.throwIfAborted();
    const failing = this.#failing.get(call);
    this.#failing.delete(call);
    const answer = failing?.isDone === false ? null : { value: await work() };
    if (failing === undefined && answer !== null) return answer.value;
    throw new EngineError(failing?.kind ?? 'refused', `host ${this.#host}: ${call}: failed as told`);
  }

  #unlessBroken<Outcome>(work: () => Outcome): Outcome {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof BrokenOff)) throw error;
      throw new EngineError('unreachable', `host ${this.#host}: the engine went away before ${error.message}`);
    }
  }

  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.#isDown) throw new EngineError('unreachable', `host ${this.#host}: no Docker Engine answers`);
  }
}

/** The id that an image of this reference has: the same on every host. */
export const imageIdOf = (reference: string): string =>
  `sha256:${createHash('sha256')
    .update(/@(.+)$/.exec(reference)?.[1] ?? reference)
    .digest('hex')}`;

const noProgram = (): JobOutcome => ({ outcome: 'failed', kind: 'refused', message: 'no such program' });

/** These changes of single containers are the agents' business. */
async function never(): Promise<never> {
  await Promise.resolve();
  throw new Error('not of this fake');
}

/** Ends with the lines, each a JSON document. */
export function says(exitCode: number, ...documents: readonly unknown[]): (job: Job) => JobOutcome {
  const lines = documents.map((document) => JSON.stringify(document));
  return (job) => {
    for (const line of lines) job.onLine?.(line);
    return { outcome: 'exited', exitCode, lines };
  };
}
