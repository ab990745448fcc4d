import { randomUUID } from 'node:crypto';
import type { Engine } from '../model/engine.ts';
import { BACKUP_MOUNT, type Migration } from '../model/migration.ts';
import type { Command } from '../model/release.ts';
import { workLabels } from '../model/replacement.ts';
import { lastLines } from '../model/unit-upgrade.ts';
import { attendJob, type JobEnd } from './job-end.ts';
import { MIGRATION_OUTPUT_LENGTH, type MigrationEnd, type MigrationRunInput } from './migration-activities.ts';
import { memberAt, type MigrationPlace } from './migration-place.ts';
import type { Ports } from './ports.ts';
import type { ReleaseCache } from './release-cache.ts';

export type MigrationPorts = Pick<Ports, 'bus' | 'clock' | 'values' | 'engine' | 'loadFleet' | 'registryAuth'> & {
  readonly releases: ReleaseCache;
};

/** Labels of every job of a migration or backup, beside the hop's upgrade: what it does, and which try of it. */
export const jobLabels = {
  job: 'dev.refit.job',
  migration: 'dev.refit.migration',
  attempt: 'dev.refit.attempt',
} as const;
/** What the first of them says. */
export const MIGRATION_JOB = 'migration';
const CHECK = 'check';
/** What processes leave as their code that are killed, or told to end. */
const SIGNALLED = [137, 143];

/** What the jobs of a migration, or of a backup, have in common. */
export type JobBasis = Pick<Migration, 'image' | 'entrypoint' | 'env' | 'volumes' | 'timeoutMs' | 'beside'>;

/** Where one migration, or backup, does its work. */
export type JobSite = {
  readonly ports: MigrationPorts;
  readonly input: MigrationRunInput;
  readonly name: string;
  readonly basis: JobBasis;
  readonly place: MigrationPlace;
  /** Changed as it goes on, for heartbeats. */
  readonly beat: { detail: string };
  readonly signal: AbortSignal;
};

/** What a job that stays when it has ended runs. `folder`: of the host, for BACKUP_MOUNT; with `:ro` it is only read. */
export type KeptJob = {
  readonly container: string;
  readonly attempt: string;
  readonly command: Command;
  readonly folder?: string;
};

export const containerName = (what: 'migration' | 'verify' | 'check', name: string): string => `refit-${what}-${name}`;

/** By these a try that was begun is found again. */
export const labelsOf = (
  { upgrade }: Pick<MigrationRunInput, 'upgrade'>,
  name: string,
  attempt: string,
): Readonly<Record<string, string>> => ({
  [workLabels.upgrade]: upgrade,
  [jobLabels.job]: MIGRATION_JOB,
  [jobLabels.migration]: name,
  [jobLabels.attempt]: attempt,
});

/** Whether it is a check, of which the next one needs no more than that it is over. */
export const isCheck = (labels: Readonly<Record<string, string>>): boolean =>
  labels[jobLabels.attempt]?.startsWith(CHECK) === true;

/** Runs once for each attempt; one that was begun is attended to its end, or read. */
export async function runKept(site: JobSite, { container, attempt, command, folder }: KeptJob): Promise<JobEnd> {
  const { basis, input, name, place, beat, signal } = site;
  const member = await memberAt(place, signal);
  beat.detail = `${name}: ${attempt} on ${place.host}`;
  return attendJob(place.engine, {
    ...common(basis, command),
    name: container,
    binds: [...basis.volumes, ...(folder === undefined ? [] : [bind(folder)])],
    labels: labelsOf(input, name, attempt),
    // Only one that was begun is attended without a member.
    networkMode: member === null ? 'none' : `container:${member.id}`,
    keep: true,
    signal,
  });
}

/** Every one is asked anew: what a check of a killed worker answered was true then. */
export async function runCheck(site: JobSite, command: Command, memberId: string): Promise<JobEnd> {
  const { basis, input, name, place, signal } = site;
  return attendJob(place.engine, {
    ...common(basis, command),
    name: containerName('check', name),
    binds: basis.volumes,
    labels: labelsOf(input, name, `${CHECK}-${randomUUID()}`),
    networkMode: `container:${memberId}`,
    signal,
  });
}

/**
 * Whether it did not come to its own end: it was killed or lost, or the member beside it went away under it. The engine's clock
 * tells, so that it is known as well after a crash of the worker.
 */
export async function wasCutOff(site: JobSite, end: JobEnd, container: string): Promise<boolean> {
  const { place, signal } = site;
  if (end.failure === 'lost' || end.failure === 'notFound' || isSignalled(end)) return true;
  if (end.failure === 'deadline') return false;
  const member = await memberAt(place, signal);
  const job = await ownJob(place.engine, { site, container });
  return member?.running !== true || (job !== null && Date.parse(member.startedAt) > Date.parse(job.startedAt));
}

export const isSignalled = ({ exitCode }: JobEnd): boolean => exitCode !== null && SIGNALLED.includes(exitCode);

/** The end of what it said, where the reason stands. A code that a signal left is not its own. */
export const toEnd = ({ place }: JobSite, outcome: MigrationEnd['outcome'], end: JobEnd): MigrationEnd => ({
  ...{ outcome, host: place.host, exitCode: isSignalled(end) ? null : end.exitCode },
  output: lastLines(end.lines.join('\n'), MIGRATION_OUTPUT_LENGTH),
});

async function ownJob(
  engine: Engine,
  { site: { input, signal }, container }: { readonly site: JobSite; readonly container: string },
): Promise<{ readonly startedAt: string } | null> {
  const found = await engine.inspectContainer(container, signal);
  return found?.labels[workLabels.upgrade] === input.upgrade ? found : null;
}

const common = ({ image, entrypoint, env, timeoutMs }: JobBasis, command: Command) => ({
  ...{ image, env, command, deadlineMs: timeoutMs },
  ...(entrypoint !== null && { entrypoint }),
});

const bind = (folder: string): string => folder.replace(/(:ro)?$/, `:${BACKUP_MOUNT}$1`);
