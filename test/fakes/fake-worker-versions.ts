import type { BuildId, WorkerVersion, WorkerVersions } from '../../model/upgrader.ts';

type FakeVersion = { readonly build: BuildId; readonly workers: Set<string>; readonly runs: Set<string> };

/** A Temporal that knows of one fleet's workers and of runs that are pinned to them. Held to test/drivers/worker-versions-contract.ts. */
export class FakeWorkerVersions implements WorkerVersions {
  readonly #versions = new Map<BuildId, FakeVersion>();
  #current: BuildId | null = null;
  #isDown = false;
  /** Builds that were made current, in that order; one that was so already is not among them. */
  readonly switches: BuildId[] = [];

  /** How often it was asked for its versions, with or without an answer. */
  looks = 0;

  async list(signal: AbortSignal): Promise<readonly WorkerVersion[]> {
    this.looks += 1;
    await this.#reach(signal);
    return [...this.#versions.values()].map(({ build, workers, runs }) => ({
      build,
      isCurrent: build === this.#current,
      openRuns: runs.size,
      workers: [...workers],
    }));
  }

  async setCurrent(build: BuildId, signal: AbortSignal): Promise<void> {
    await this.#reach(signal);
    if (this.#current === build) return;
    if ((this.#versions.get(build)?.workers.size ?? 0) === 0) {
      throw new Error(`build ${build} can't be made current: no worker of it asks for work`);
    }
    this.#current = build;
    this.switches.push(build);
  }

  async moveOn({ workflowId }: { readonly workflowId: string }, signal: AbortSignal): Promise<void> {
    await this.#reach(signal);
    if (this.#current === null) return;
    this.endRun(workflowId);
    this.startRun(workflowId);
  }

  /** A worker of that build asks for work from now on. */
  startWorker(build: BuildId, identity = `host-1/refit-worker-${build}`): void {
    const found = this.#versions.get(build) ?? { build, workers: new Set(), runs: new Set() };
    this.#versions.set(build, found);
    found.workers.add(identity);
  }

  /** The version stays: Temporal remembers builds that have no worker any more. */
  endWorker(build: BuildId, identity = `host-1/refit-worker-${build}`): void {
    this.#versions.get(build)?.workers.delete(identity);
  }

  /** A run starts, and is pinned to what is current. */
  startRun(run: string): void {
    const found = this.#current === null ? undefined : this.#versions.get(this.#current);
    if (found === undefined) throw new Error(`run ${run} has no version to start on: make one current first`);
    found.runs.add(run);
  }

  endRun(run: string): void {
    for (const { runs } of this.#versions.values()) runs.delete(run);
  }

  /** Every call throws, until `up`. */
  down(): void {
    this.#isDown = true;
  }

  up(): void {
    this.#isDown = false;
  }

  async #reach(signal: AbortSignal): Promise<void> {
    // A real answer is never there in the same turn.
    await Promise.resolve();
    signal.throwIfAborted();
    if (this.#isDown) throw new Error('temporal does not answer');
  }
}
