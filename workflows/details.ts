import type { HopProgress, HostProgress, MigrationRecord, Progress, ServiceStanding } from '../model/upgrade.ts';
import { cell, decisionLines, findingLines, fitPage, waitLines } from './page-parts.ts';

/** Hosts that a table names; a larger fleet is counted. Keeps current details far below Temporal's 20 kB. */
const MAX_ROWS = 40;

/** The live page of an upgrade in Temporal's Web UI, as Markdown for somebody who doesn't know the code. */
export function upgradePage(progress: Progress): string {
  return fitPage([
    `### ${progress.release} on fleet ${progress.fleet}: ${progress.state}`,
    `Upgrade \`${progress.id}\`, phase **${progress.phase}**. ${countHosts(progress.hosts)}`,
    ...(progress.hops.length > 1 ? [hopLine(progress.hops)] : []),
    ...(progress.error === null ? [] : [`**${progress.error}**`]),
    ...waitLines(progress.waiting),
    ...findingLines(progress.findings, 'fleet'),
    hostTable(progress.hosts),
    ...(progress.services.length === 0 ? [] : [serviceTable(progress.services)]),
    ...(progress.migrations.length === 0 ? [] : [migrationTable(progress.migrations)]),
    ...(progress.forwardOnly === null ? [] : [progress.forwardOnly]),
    ...decisionLines(progress.decisions),
  ]);
}

export function hostTable(hosts: readonly HostProgress[]): string {
  const shown = hosts.length <= MAX_ROWS ? hosts : hosts.filter(isOfInterest).slice(0, MAX_ROWS);
  const rows = shown.map(
    (host) => `| ${host.name} | ${host.state} | ${host.from ?? '–'} | ${host.to ?? '–'} | ${cell(host.error)} |`,
  );
  return ['| host | state | from | to | error |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

function serviceTable(services: readonly ServiceStanding[]): string {
  const rows = services.map(
    ({ name, state, members, image, error }) =>
      `| ${name} | ${state} | ${members ?? '–'} | ${cell(image)} | ${cell(error)} |`,
  );
  return ['| service | state | members | image | error |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

const hopLine = (hops: readonly HopProgress[]): string =>
  `Hops: ${hops.map(({ to, state }) => `${to} (${state})`).join(' → ')}`;

function migrationTable(migrations: readonly MigrationRecord[]): string {
  const rows = migrations.map(
    ({ name, hop, state, host, output }) =>
      `| ${name} | ${hop} | ${state} | ${host ?? '–'} | ${cell(state === 'failed' ? output : undefined)} |`,
  );
  return ['| migration | hop | state | host | output |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

export function countHosts(hosts: readonly HostProgress[]): string {
  const counts = new Map<string, number>();
  for (const host of hosts) counts.set(host.state, (counts.get(host.state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}

const isOfInterest = (host: HostProgress): boolean => host.state !== 'done' && host.state !== 'pending';
