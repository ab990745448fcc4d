import { EngineError, type Engine, type Job, type JobFailure } from '../model/engine.ts';

/** Lines that are told of a job that did not end by itself: its outcome has none. */
const KEPT_LINES = 50;

/** How a run-to-completion container ended; `failure` null: by itself, with the code. */
export type JobEnd = {
  readonly exitCode: number | null;
  readonly failure: JobFailure | null;
  readonly lines: readonly string[];
};

/** Runs it to its end, or reads how it ended. An engine that is away passes: the same call again finds the job where it is. */
export async function attendJob(engine: Engine, job: Omit<Job, 'onLine'>): Promise<JobEnd> {
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.splice(0, lines.push(line) - KEPT_LINES);
  const outcome = await engine.runJob({ ...job, onLine });
  if (outcome.outcome === 'exited') return { exitCode: outcome.exitCode, failure: null, lines: outcome.lines };
  const { kind, message } = outcome;
  if (kind === 'unreachable') throw new EngineError('unreachable', message);
  return { exitCode: null, failure: kind, lines: [...lines, message] };
}
