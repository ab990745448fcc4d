import type { Command } from 'commander';
import type { HostStatus } from '../fleet-status.ts';
import { withFleet } from './context.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { iso } from './progress-document.ts';
import { formatDuration } from './quantity.ts';
import { table } from './table.ts';

/** `refit fleet [status]`: every host as its agent and its engine say. */
export function registerFleet(program: Command): void {
  const fleet = program.command('fleet').description('the fleet’s hosts');
  withExamples(
    fleet.command('status', { isDefault: true }).description('every host: release, agent, kernel, engine, last report'),
    'refit fleet',
    'refit fleet status --json',
    'refit --fleet site-b.yaml fleet status',
  ).action(status);
}

async function status(options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  await withFleet(async (client) => {
    const hosts = await client.status();
    if (output.json) {
      const documents = hosts.map((host) => ({ ...host, lastReportAt: iso(host.lastReportAt) }));
      output.document({ fleet: client.fleet, hosts: documents });
    } else {
      output.say(statusText(hosts, Date.now()));
    }
  });
}

export function statusText(hosts: readonly HostStatus[], now: number): string {
  const rows = hosts.map((host) => [
    host.name,
    host.release ?? '–',
    host.state,
    host.agent ?? '–',
    host.alive ? 'alive' : 'silent',
    host.engine ?? 'no answer',
    host.kernel ?? '–',
    host.lastReportAt === null ? '–' : `${formatDuration(Math.max(0, now - host.lastReportAt))} ago`,
  ]);
  return table([['HOST', 'RELEASE', 'STATE', 'AGENT', '', 'ENGINE', 'KERNEL', 'LAST REPORT'], ...rows]);
}
