import { isFailure } from '../../model/host.ts';
import type { Finding, Progress, UpgradeState } from '../../model/upgrade.ts';
import { isHostAtWork } from '../merge-progress.ts';
import { exitCodes, type ExitCode } from './exit.ts';
import { isBackup } from './migration-lines.ts';
import { formatDuration } from './quantity.ts';

/** What the shell and the person hear at the end of a command that followed an upgrade. */
export type Verdict = { readonly exitCode: ExitCode; readonly message: string };

/** Failed hosts whose retry and skip are spelled out; more are seen in the table. */
const MAX_SPELLED_HOSTS = 5;
/** Checkpoints whose roll back is spelled out, the latest: who goes back mostly wants to go back little. */
const MAX_SPELLED_CHECKPOINTS = 3;

/** What the operator asked for: a roll back that was asked for and reached is done. */
export type Asked = 'upgrade' | 'rollback';

export function verdict(progress: Progress, asked: Asked): Verdict {
  if (needsOperator(progress)) return { exitCode: exitCodes.waiting, message: waitingMessage(progress) };
  const { id, fleet, state } = progress;
  switch (state) {
    case 'succeeded':
      return { exitCode: asked === 'upgrade' ? exitCodes.done : exitCodes.failed, message: succeededMessage(progress) };
    case 'rolledBack':
      return {
        exitCode: asked === 'rollback' ? exitCodes.done : exitCodes.failed,
        message: `upgrade ${id} was rolled back: fleet ${fleet} is ${whereItIs(progress)}${because(progress)}${wayBack(progress)}`,
      };
    case 'failed':
      return wasRefused(progress)
        ? { exitCode: exitCodes.wrongInput, message: findingsMessage(progress) }
        : { exitCode: exitCodes.failed, message: `upgrade ${id} failed${because(progress)}${wayBack(progress)}` };
    case 'aborted':
      return {
        exitCode: exitCodes.failed,
        message: `upgrade ${id} was aborted; hosts stay as they are${because(progress)}`,
      };
    default:
      return {
        exitCode: exitCodes.done,
        message: `upgrade ${id} goes on (${state}); watch it with: refit upgrades watch ${id}`,
      };
  }
}

/** Nothing more happens before an operator speaks. */
export function needsOperator(progress: Progress): boolean {
  const stops: readonly UpgradeState[] = ['paused', 'waiting'];
  return stops.includes(progress.state) && !progress.hosts.some(isHostAtWork);
}

/** Preflight said no: no host was touched. */
export function wasRefused({ state, phase, findings }: Progress): boolean {
  return state === 'failed' && phase === 'preflight' && findings.some((finding) => finding.severity === 'error');
}

/** The commands that can move the upgrade on, spelled out for the hosts that failed and the checkpoints that there are. */
export function nextCommands(progress: Progress): readonly string[] {
  const failed = progress.hosts.filter((host) => isFailure(host.state)).slice(0, MAX_SPELLED_HOSTS);
  const said = progress.waiting.flatMap((wait) => wait.movedOnBy.split(' | ')).filter(isCommand);
  const commands = said.flatMap((command) => {
    if (command.includes(' HOST') && failed.length > 0) {
      return failed.map((host) => command.replace(' HOST', ` ${host.name}`));
    }
    return command === `refit rollback ${progress.id}` ? rollbacks(command, progress) : [command];
  });
  return [...new Set(commands)];
}

/** As far as it goes, and to each checkpoint after that. */
const rollbacks = (command: string, { checkpoints }: Progress): readonly string[] => [
  command,
  ...checkpoints
    .slice(1)
    .slice(-MAX_SPELLED_CHECKPOINTS)
    .map((checkpoint) => `${command} --to ${checkpoint}`),
];

/** Whether a wait's mover is something to type, rather than something that happens. */
export const isCommand = (movedOnBy: string): boolean => movedOnBy.startsWith('refit ');

export const findingsMessage = ({ release, findings }: Progress): string =>
  [`${release} was refused before any host was touched:`, ...findingLines(findings)].join('\n');

/** A line for each, with what to do next. */
export const findingLines = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ host, severity, what, remedy }) => `  ${severity}: ${host ?? 'fleet'}: ${what}; ${remedy}`);

function waitingMessage(progress: Progress): string {
  const { id, state, waiting } = progress;
  const whats = waiting.map((wait) => wait.what).join(', ');
  const head = state === 'paused' ? `upgrade ${id} is paused` : `upgrade ${id} waits for ${whats || 'an operator'}`;
  const commands = nextCommands(progress);
  const next = commands.length === 0 ? [] : ['what can be done:', ...commands.map((command) => `  ${command}`)];
  return [`${head}${wayBack(progress)}`, ...next].join('\n');
}

function succeededMessage(progress: Progress): string {
  const { id, fleet, release, hosts, services, hops, migrations, startedAt, finishedAt } = progress;
  if ([...hosts, ...services].every(({ state }) => state === 'alreadyThere') && migrations.every(wasThere)) {
    return `nothing had to be done: every host of fleet ${fleet} is on ${release} already`;
  }
  const upgraded = services.filter(({ state }) => state === 'done').map(({ name }) => name);
  const applied = migrations.filter((record) => record.state === 'applied' && !isBackup(record)).length;
  const count = (state: string): number => hosts.filter((host) => host.state === state).length;
  const others = hosts.filter((host) => host.state !== 'done' && host.state !== 'alreadyThere').length;
  const parts = [`${count('done')} of ${hosts.length} hosts upgraded`];
  if (count('alreadyThere') > 0) parts.push(`${count('alreadyThere')} there already`);
  if (others > 0) parts.push(`${others} left behind`);
  if (upgraded.length > 0) parts.push(`services upgraded: ${upgraded.join(', ')}`);
  if (applied > 0) parts.push(`${applied} ${applied === 1 ? 'migration' : 'migrations'} applied`);
  const took = finishedAt === null ? '' : ` in ${formatDuration(finishedAt - startedAt)}`;
  const path = hops.length < 2 ? '' : ` over ${hops.length} hops`;
  return `upgrade ${id} succeeded: fleet ${fleet} is on ${release}${path}, ${parts.join(', ')}${took}`;
}

const wasThere = ({ state }: Progress['migrations'][number]): boolean => state === 'alreadyApplied';

/** Hops that stayed are the way that it went for good. */
function whereItIs({ hops }: Progress): string {
  const stayed = hops.findLast(({ state }) => state === 'done');
  return stayed === undefined ? 'as it was before' : `on ${stayed.to}, where it stopped`;
}

const wayBack = ({ forwardOnly }: Progress): string => (forwardOnly === null ? '' : `; ${forwardOnly}`);

const because = ({ error }: Progress): string => (error === null ? '' : `: ${error}`);
