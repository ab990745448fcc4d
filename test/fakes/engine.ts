import { createHash } from 'node:crypto';
import {
  EngineError,
  type ContainerState,
  type ContainerSummary,
  type ContainerWish,
  type Engine,
  type EngineImage,
  type EngineInfo,
  type ImagePull,
  type Job,
  type JobOutcome,
  type PullFailure,
  type PullOutcome,
} from '../../model/engine.ts';
import type { PutBack, PutBackOutcome, Replacement, ReplacementOutcome } from '../../model/replacement.ts';
import { BrokenOff, FakeContainers, stateOf } from './containers.ts';

/** A Docker Engine of images, jobs and containers that are replaced, as the activities use it. test/drivers holds the real one to the same words. */
export class FakeEngine implements Engine {
  readonly images = new Set<string>();
  readonly pulls: ImagePull[] = [];
  readonly jobs: Job[] = [];
  readonly containers = new FakeContainers();
  readonly replacements: Replacement[] = [];
  /** Of images that are not made for the host; by reference. */
  readonly foreign = new Map<string, string>();
  /** What a job says and does; by its command's first word. */
  readonly programs = new Map<string, (job: Job) => Promise<JobOutcome> | JobOutcome>();
  readonly #host: string;
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
    await this.#reach();
    this.jobs.push(job);
    const program = this.programs.get(job.command?.[0] ?? '');
    if (program === undefined) return { outcome: 'failed', kind: 'refused', message: 'no such program' };
    return program(job);
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
    return found === null ? null : stateOf(found);
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

  createContainer = never;
  startContainer = never;
  stopContainer = never;
  renameContainer = never;
  removeContainer = never;
  setRestartPolicy = never;

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

/** Single changes of containers are the agents' business. */
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
