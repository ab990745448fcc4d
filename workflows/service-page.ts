import type { ContainerProgress } from '../model/container-upgrade.ts';
import type { MemberProgress, ServiceProgress } from '../model/service.ts';
import { cell, decisionLines, findingLines, fitPage, waitLines } from './page-parts.ts';

/** The live page of a service's upgrade in Temporal's Web UI. */
export function servicePage(progress: ServiceProgress): string {
  const { service, fleet, state, id, phase, image, error } = progress;
  return fitPage([
    `### ${service} on fleet ${fleet}: ${state}`,
    `Upgrade \`${id}\` to \`${image}\`, phase **${phase ?? '–'}**.`,
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
  const rows = members.map(
    ({ host, container, state, stage, error }) =>
      `| ${host} | ${container} | ${state} | ${stage ?? '–'} | ${cell(error)} |`,
  );
  return ['| host | member | state | stage | error |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}
