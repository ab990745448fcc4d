import type { Command } from 'commander';
import { parseServiceId } from '../../model/ids.ts';
import type { MemberServer, ServiceProgress } from '../../model/service.ts';
import type { MemberStatus, ServiceStatus } from '../service-status.ts';
import { parsedBy, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { latestUpgrade, type LatestUpgrade } from './latest-upgrade.ts';
import { serviceDocument } from './member-documents.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { serviceLines } from './service-lines.ts';
import { shortImage } from './standing-lines.ts';
import { table } from './table.ts';

/** `refit service status NAME`: every member as engines, bus and load balancer see it, and its latest upgrade. */
export function registerServiceStatus(group: Command): void {
  withExamples(
    group
      .command('status')
      .argument('<name>')
      .description('every member: state, image, load balancer; the upgrade at work'),
    'refit service status web',
    'refit service status web --json',
  ).action(status);
}

async function status(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  const name = parsedBy(parseServiceId, text);
  const [seen, upgrade] = await withFleet((client) =>
    Promise.all([client.serviceStatus(name), latestUpgrade(client.services, () => client.services.latest(name))]),
  );
  const problems = typeof upgrade === 'string' ? [...seen.problems, upgrade] : seen.problems;
  if (output.json) output.document(statusDocument(seen, upgrade, problems));
  else output.say(serviceStatusText(seen, upgrade, Date.now()));
  if (problems.length > 0) fail(exitCodes.unreachable, problems.map((problem) => `not seen: ${problem}`).join('\n'));
}

function statusDocument(
  { service, members }: ServiceStatus,
  upgrade: LatestUpgrade<ServiceProgress>,
  problems: readonly string[],
): object {
  const told = upgrade === null || typeof upgrade === 'string' ? null : serviceDocument(upgrade);
  return { service: service.name, upgrade: told, members, problems };
}

export function serviceStatusText(
  { service, members }: ServiceStatus,
  upgrade: LatestUpgrade<ServiceProgress>,
  now: number,
): string {
  const selector = Object.entries(service.selector).map(([label, value]) => `${label}=${value}`);
  const head = ['HOST', 'MEMBER', 'STATE', '', 'IMAGE', 'SERVER'];
  return [
    members.length === 0
      ? `service ${service.name} has no member: no container is labelled ${selector.join(' and ')}`
      : table([head, ...members.map(memberRow)]),
    ...(upgrade === null || typeof upgrade === 'string' ? [] : upgradeLines(upgrade, now)),
  ].join('\n');
}

/** Of an upgrade that is over the headline says enough: the table has the members. */
function upgradeLines(upgrade: ServiceProgress, now: number): readonly string[] {
  const lines = serviceLines(upgrade, now).map(({ text }) => text);
  return upgrade.finishedAt === null ? lines : lines.slice(0, 1);
}

function memberRow({ host, container, state, running, image, server }: MemberStatus): readonly string[] {
  return [host, container, state, running ? 'running' : 'stopped', shortImage(image), serverText(server)];
}

const serverText = (server: MemberServer | null): string =>
  server === null ? '–' : `${server.name} ${server.state}${server.healthy ? '' : ', not healthy'}`;
