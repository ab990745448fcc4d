import { stripVTControlCharacters } from 'node:util';
import type { JobRecord } from '../../model/unit-upgrade.ts';
import type { Line } from './progress-lines.ts';

/** Lines of a failed job's output that the live view shows: its last. */
export const MAX_OUTPUT_LINES = 10;

/** Jobs at work, and those that failed with the end of what they said. Pure. */
export const jobLines = (jobs: readonly JobRecord[]): readonly Line[] =>
  jobs.filter(({ state }) => state !== 'succeeded').flatMap((job) => linesOf(job, failedOutput(job)));

/** Every job with all of its output that is kept. Pure. */
export const allJobLines = (jobs: readonly JobRecord[]): readonly Line[] =>
  jobs.flatMap((job) => linesOf(job, outputLines(job.output)));

/** Jobs that are somewhere else than at the last look. Pure. */
export function jobChanges(before: readonly JobRecord[], after: readonly JobRecord[]): readonly string[] {
  const isNews = (job: JobRecord, index: number): boolean => {
    const known = before[index];
    return known === undefined || describeJob(known) !== describeJob(job);
  };
  return after.filter(isNews).flatMap((job) => linesOf(job, failedOutput(job)).map(({ text }) => text.slice(2)));
}

/** `job smoke failed, exit code 1`. */
export function describeJob({ name, state, exitCode }: JobRecord): string {
  if (state === 'running') return `job ${name} ${state}`;
  return `job ${name} ${state}, ${exitCode === null ? 'without an exit code' : `exit code ${exitCode}`}`;
}

const failedOutput = ({ state, output }: JobRecord): readonly string[] =>
  state === 'failed' ? outputLines(output).slice(-MAX_OUTPUT_LINES) : [];

function linesOf(job: JobRecord, output: readonly string[]): readonly Line[] {
  return [
    { text: `  ${describeJob(job)}`, tone: tones[job.state] },
    ...output.map((line): Line => ({ text: `      ${line}`, tone: 'plain' })),
  ];
}

const tones = { running: 'working', succeeded: 'good', failed: 'bad' } as const satisfies Record<
  JobRecord['state'],
  Line['tone']
>;

/** A container's own words, without any that would move the cursor of whoever reads them. */
function outputLines(output: string): readonly string[] {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map((line) =>
      line
        .replaceAll('\t', '  ')
        .replace(/\p{Cc}/gu, '')
        .trimEnd(),
    );
  return lines.filter((line) => line !== '');
}
