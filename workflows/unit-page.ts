import {
  lastLines,
  type JobRecord,
  type UnitMemberProgress,
  type UnitProgress,
  type UnitStepProgress,
} from '../model/unit-upgrade.ts';
import { cell, decisionLines, findingLines, fitPage, waitLines } from './page-parts.ts';

/** Output of one job that the page shows; characters, from its end. The rest is in `refit unit status`. */
const OUTPUT_LENGTH = 1_200;

/** The live page of a unit's upgrade in Temporal's Web UI. */
export function unitPage(progress: UnitProgress): string {
  const { unit, fleet, state, id, release, step, active, standby, error, traffic } = progress;
  const counted = traffic === null ? '' : ` ${traffic.requests} requests since the cutover, ${traffic.errors} failed.`;
  return fitPage([
    `### ${unit} on fleet ${fleet}: ${state}`,
    `Upgrade \`${id}\` to \`${release ?? '–'}\`, step **${step ?? '–'}**. Requests go to **${active ?? 'no slot'}**${standby === null ? '' : `, ${standby} stands by`}.${counted}`,
    ...(error === null ? [] : [`**${error}**`]),
    ...waitLines(progress.waiting),
    ...findingLines(progress.findings, 'unit'),
    stepTable(progress.steps),
    memberTable(progress.members),
    ...progress.jobs.map(jobPart),
    ...decisionLines(progress.decisions),
  ]);
}

function stepTable(steps: readonly UnitStepProgress[]): string {
  const rows = steps.map(({ name, state, detail }) => `| ${name} | ${state} | ${cell(detail ?? '')} |`);
  return ['| step | state | |', '| --- | --- | --- |', ...rows].join('\n');
}

function memberTable(members: readonly UnitMemberProgress[]): string {
  const rows = members.map(
    ({ host, container, slot, state, error }) => `| ${host} | ${container} | ${slot} | ${state} | ${cell(error)} |`,
  );
  return ['| host | member | slot | state | error |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

function jobPart({ name, state, exitCode, output }: JobRecord): string {
  const code = exitCode === null ? '' : `, exit code ${exitCode}`;
  const shown = lastLines(output, OUTPUT_LENGTH).replaceAll('```', "'''");
  return `**${name}**: ${state}${code}${shown === '' ? '' : `\n\n\`\`\`\n${shown}\n\`\`\``}`;
}
