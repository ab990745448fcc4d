import type { ContainerProgress } from '../model/container-upgrade.ts';
import { countStates, type MemberProgress, type ServiceProgress } from '../model/service.ts';
import { cell, decisionLines, findingLines, fitPage, waitLines } from './page-parts.ts';

/** Members that the table names; those of a larger service are counted. Keeps current details far below Temporal's 20 kB. */
const MAX_ROWS = 40;

/** The live page of a service's upgrade in Temporal's Web UI. */
export function servicePage(progress: ServiceProgress): string {
  const { service, fleet, state, id, phase, image, error } = progress;
  return fitPage([
    `### ${service} on fleet ${fleet}: ${state}`,
    `Upgrade \`${id}\` to \`${image}\`, phase **${phase ?? '–'}**. ${countLine(progress.members)}`,
    ...(error === null ? [] : [`**${error}**`]),
    ...waitLines(progress.waiting),
    ...findingLines(progress.findings, 'service'),
    memberTable(progress.members),
    ...decisionLines(progress.decisions),
  ]);
}

/** The live page of one container's upgrade. */
export function containerPage({ container, host, state, stage, from, to, error, waiting }: ContainerProgress): string {
  return fitPage([
    `### ${container} on ${host}: ${state}`,
    `\`${from?.image ?? '–'}\` to \`${to?.image ?? '–'}\`, **${stage ?? '–'}**.`,
    ...(error === null ? [] : [`**${error}**`]),
    ...waitLines(waiting),
  ]);
}

function memberTable(members: readonly MemberProgress[]): string {
  const shown = members.length <= MAX_ROWS ? members : members.filter(isOfInterest).slice(0, MAX_ROWS);
  const rows = shown.map(
    ({ host, container, state, stage, error }) =>
      `| ${host} | ${container} | ${state} | ${stage ?? '–'} | ${cell(error)} |`,
  );
  return ['| host | member | state | stage | error |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

/** `4 Updating, 96 Active`. */
const countLine = (members: readonly MemberProgress[]): string =>
  Object.entries(countStates(members))
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');

const isOfInterest = ({ stage, state }: MemberProgress): boolean => stage !== null || state !== 'Active';
