import { EngineError, type Job, type JobOutcome } from '../../model/engine.ts';
import type { FakeContainer, FakeContainers } from './containers.ts';
import { createIn } from './created.ts';

type Program = {
  readonly run: (job: Job) => Promise<JobOutcome> | JobOutcome;
  /** null: the engine does not have it. */
  readonly imageId: string | null;
};

/** Jobs that stay when they have ended: one that an attempt left goes on, and one that has ended is read again. */
export class FakeKeptJobs {
  readonly #containers: FakeContainers;
  /** By the container's id. */
  readonly #outcomes = new Map<string, Promise<JobOutcome>>();

  constructor(containers: FakeContainers) {
    this.#containers = containers;
  }

  async run({ signal, ...job }: Job, program: Program): Promise<JobOutcome> {
    const container = this.#create(job, program.imageId);
    if ('outcome' in container) return container;
    const known = this.#outcomes.get(container.id);
    const outcome = await unlessAborted(known ?? this.#start(container, job, program), signal);
    // What the first attempt was told as it came, the next ones are told at once.
    if (known !== undefined && outcome.outcome === 'exited') for (const line of outcome.lines) job.onLine?.(line);
    return outcome;
  }

  #create(job: Job, imageId: string | null): FakeContainer | JobOutcome {
    const {
      name,
      image,
      labels,
      env,
      files = [],
      command = [],
      binds: volumes,
      networkMode: network = 'default',
    } = job;
    const spec = { name, image, labels, env, command, volumes, network, ports: [], restart: 'no' } as const;
    try {
      const { container } = createIn(this.#containers, { spec, imageId });
      if (!container.wasTried) for (const file of files) container.files.set(file.to, file);
      return container;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return { outcome: 'failed', kind: error.kind === 'conflict' ? 'conflict' : 'notFound', message: error.message };
    }
  }

  #start(container: FakeContainer, job: Job, { run }: Program): Promise<JobOutcome> {
    container.running = true;
    container.wasTried = true;
    const outcome = Promise.resolve()
      .then(() => run(job))
      .then((ended) => this.#ended(container, job, ended));
    this.#outcomes.set(container.id, outcome);
    return outcome;
  }

  #ended(container: FakeContainer, { name }: Job, ended: JobOutcome): JobOutcome {
    if (this.#containers.find(container.id) === null)
      return { outcome: 'failed', kind: 'lost', message: `${name} was removed by somebody else` };
    container.running = false;
    container.exitCode = ended.outcome === 'exited' ? ended.exitCode : KILLED;
    // What could not be started leaves nothing.
    if (ended.outcome === 'failed' && ended.kind !== 'deadline') this.#containers.remove(container.id);
    return ended;
  }
}

const KILLED = 137;

/** The job goes on without its caller. */
async function unlessAborted(outcome: Promise<JobOutcome>, signal: AbortSignal | undefined): Promise<JobOutcome> {
  if (signal === undefined) return outcome;
  const ending = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true, signal: ending.signal });
  });
  return Promise.race([outcome, aborted]).finally(() => ending.abort());
}
