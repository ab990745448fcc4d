import type { HostProgress, Progress } from '../model/upgrade.ts';

/** Hosts that a table names; a larger fleet is counted. Keeps current details far below Temporal's 20 kB. */
const MAX_ROWS = 40;
const MAX_ERROR_LENGTH = 160;
/** Longest page; characters. Temporal's bound is 20 kB, and a character may take more than one byte. */
const MAX_PAGE_LENGTH = 16_000;

/** The live page of an upgrade in Temporal's Web UI, as Markdown for somebody who doesn't know the code. */
export function upgradePage(progress: Progress): string {
  const page = [
    `### ${progress.release} on fleet ${progress.fleet}: ${progress.state}`,
    `Upgrade \`${progress.id}\`, phase **${progress.phase}**. ${countHosts(progress.hosts)}`,
    ...(progress.error === null ? [] : [`**${progress.error}**`]),
    ...progress.waiting.map(
      ({ what, since, until, movedOnBy }) =>
        `- waits for ${what}, since ${time(since)}${until === null ? '' : `, until ${time(until)} at most`}; moved on by: ${movedOnBy}`,
    ),
    ...progress.findings
      .slice(0, MAX_ROWS)
      .map(({ host, severity, what, remedy }) => `- ${severity}: ${host ?? 'fleet'}: ${what}; ${remedy}`),
    hostTable(progress.hosts),
    ...progress.decisions
      .slice(-5)
      .map(({ at, decision, because, by }) => `- ${time(at)} ${by}: ${decision}, because ${because}`),
  ].join('\n\n');
  return page.length <= MAX_PAGE_LENGTH ? page : `${page.slice(0, MAX_PAGE_LENGTH)}…`;
}

export function hostTable(hosts: readonly HostProgress[]): string {
  const shown = hosts.length <= MAX_ROWS ? hosts : hosts.filter(isOfInterest).slice(0, MAX_ROWS);
  const rows = shown.map(
    (host) =>
      `| ${host.name} | ${host.state} | ${host.from ?? '–'} | ${host.to ?? '–'} | ${(host.error ?? '').slice(0, MAX_ERROR_LENGTH).replaceAll('|', '/').replaceAll('\n', ' ')} |`,
  );
  return ['| host | state | from | to | error |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

export function countHosts(hosts: readonly HostProgress[]): string {
  const counts = new Map<string, number>();
  for (const host of hosts) counts.set(host.state, (counts.get(host.state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}

const isOfInterest = (host: HostProgress): boolean => host.state !== 'done' && host.state !== 'pending';
const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
