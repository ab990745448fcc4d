import type { MigrationRecord, Progress } from '../../model/upgrade.ts';
import { versionAtWork } from './hop-lines.ts';
import type { Line } from './progress-lines.ts';

/** Lines of a failed migration's output that are shown, from its end; `show --json` has all that is kept. */
const SHOWN_OUTPUT_LINES = 5;
/** Migrations that have a line each; of more those at work, in trouble or of the hop at work have, the others are counted. */
const MAX_MIGRATION_LINES = 20;

/** Backups and migrations, a line each; of one that failed the end of what it said. Pure. */
export function migrationLines(progress: Progress): readonly Line[] {
  const { migrations } = progress;
  const isFew = migrations.length <= MAX_MIGRATION_LINES;
  const hop = versionAtWork(progress);
  const shown = isFew ? migrations : migrations.filter((each) => isOfInterest(each) || each.hop === hop);
  const some = shown.slice(-MAX_MIGRATION_LINES);
  const left = migrations.length - some.length;
  return [
    ...some.flatMap((record): readonly Line[] => [
      { text: `  ${describeMigration(record, progress)}`, tone: toneOf(record.state) },
      ...outputLines(record).map((text): Line => ({ text: `    ${text}`, tone: 'quiet' })),
    ]),
    ...(left === 0 ? [] : [{ text: `  and ${left} more migrations`, tone: 'quiet' } as const]),
  ];
}

/** Migrations that are somewhere else than at the last look, with the end of what a failed one said. */
export function migrationChanges(before: Progress | null, after: Progress): readonly string[] {
  const known = new Map(before?.migrations.map((record) => [keyOf(record), describeMigration(record, after)]));
  return after.migrations
    .filter((record) => describeMigration(record, after) !== known.get(keyOf(record)))
    .flatMap((record) => [describeMigration(record, after), ...outputLines(record).map((text) => `  ${text}`)]);
}

/** `migration add-columns of 4.1.1 failed on host-1, exit code 3`; its hop is said where there are several. */
export function describeMigration(record: MigrationRecord, { hops }: Pick<Progress, 'hops'>): string {
  const { name, hop, state, host, exitCode } = record;
  const what = isBackup(record) ? name : `migration ${name}`;
  const place = host === null ? '' : ` on ${host}`;
  const how = exitCode === null ? ', did not end by itself' : `, exit code ${exitCode}`;
  return `${what}${hops.length < 2 ? '' : ` of ${hop}`} ${state}${place}${state === 'failed' ? how : ''}`;
}

/** A hop's backup stands among its migrations under this name. */
export const isBackup = ({ name }: MigrationRecord): boolean => name === 'backup';

/** Only what failed has to be read. */
const outputLines = ({ state, output }: MigrationRecord): readonly string[] =>
  state !== 'failed' || output.trim() === '' ? [] : output.trimEnd().split('\n').slice(-SHOWN_OUTPUT_LINES);

const isOfInterest = ({ state }: MigrationRecord): boolean => state === 'running' || state === 'failed';

const keyOf = ({ hop, name }: MigrationRecord): string => `${hop} ${name}`;

function toneOf(state: MigrationRecord['state']): Line['tone'] {
  if (state === 'failed') return 'bad';
  if (state === 'running') return 'working';
  return state === 'takenBack' ? 'quiet' : 'good';
}
