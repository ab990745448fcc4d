import {
  EngineError,
  type ContainerState,
  type Engine,
  type EngineInfo,
  type ImagePull,
  type Job,
  type JobOutcome,
  type PullFailure,
  type PullOutcome,
} from '../../model/engine.ts';

/** A Docker Engine of images and jobs, as the activities use it. test/drivers holds the real one to the same words. */
export class FakeEngine implements Engine {
  readonly images = new Set<string>();
  readonly pulls: ImagePull[] = [];
  readonly jobs: Job[] = [];
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

  listContainers = never;
  createContainer = never;
  startContainer = never;
  stopContainer = never;
  renameContainer = never;
  removeContainer = never;
  setRestartPolicy = never;
  inspectContainer = async (): Promise<ContainerState | null> => never();

  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.#isDown) throw new EngineError('unreachable', `host ${this.#host}: no Docker Engine answers`);
  }
}

/** Containers of their own are the agents' business. */
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
