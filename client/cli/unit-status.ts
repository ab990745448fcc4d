import type { Command } from 'commander';
import { parseUnitId } from '../../model/ids.ts';
import { unitLabels } from '../../model/unit.ts';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import type { SlotContainer, SwitchedServer, UnitStatus, UnitSwitch } from '../unit-status.ts';
import { parsedBy, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { latestUpgrade, type LatestUpgrade } from './latest-upgrade.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { shortImage } from './standing-lines.ts';
import { table } from './table.ts';
import { unitDocument } from './unit-document.ts';
import { allJobLines } from './unit-job-lines.ts';
import { unitLines } from './unit-lines.ts';

/** `refit unit status NAME`: both slots as engines and load balancer see them, and the latest upgrade. */
export function registerUnitStatus(group: Command): void {
  withExamples(
    group
      .command('status')
      .argument('<name>')
      .description('both slots: containers, servers, who takes the requests; the latest upgrade with its tests'),
    'refit unit status shop',
    'refit unit status shop --json',
  ).action(status);
}

async function status(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  const name = parsedBy(parseUnitId, text);
  const [seen, upgrade] = await withFleet((client) =>
    Promise.all([client.unitStatus(name), latestUpgrade(client.units, () => client.units.latest(name))]),
  );
  const problems = typeof upgrade === 'string' ? [...seen.problems, upgrade] : seen.problems;
  if (output.json) output.document(unitStatusDocument(seen, upgrade, problems));
  else output.say(unitStatusText(seen, upgrade, Date.now()));
  if (problems.length > 0) fail(exitCodes.unreachable, problems.map((problem) => `not seen: ${problem}`).join('\n'));
}

/** `active`: the slot that the load balancer says; null: it says none, or there is none. */
export function unitStatusDocument(
  { unit, containers, balancer }: UnitStatus,
  upgrade: LatestUpgrade<UnitProgress>,
  problems: readonly string[],
): object {
  const told = upgrade === null || typeof upgrade === 'string' ? null : unitDocument(upgrade);
  return { unit, active: balancer?.active ?? null, balancer, containers, upgrade: told, problems };
}

export function unitStatusText(
  { unit, containers, balancer }: UnitStatus,
  upgrade: LatestUpgrade<UnitProgress>,
  now: number,
): string {
  const servers = balancer?.servers ?? [];
  return [
    `unit ${unit}: ${switchText(balancer)}`,
    containers.length === 0
      ? `unit ${unit} has no container: none is labelled ${unitLabels.unit}=${unit}`
      : table([CONTAINER_HEAD, ...containers.map(containerRow)]),
    ...serverTable(servers),
    ...(upgrade === null || typeof upgrade === 'string' ? [] : upgradeLines(upgrade, now)),
  ].join('\n');
}

const CONTAINER_HEAD = ['SLOT', 'SERVICE', 'HOST', 'CONTAINER', '', 'VERSION', 'IMAGE'];
const SERVER_HEAD = ['SLOT', 'SERVICE', 'SERVER', 'STATE', 'HEALTH', 'SESSIONS', 'ADDRESS'];

/** Those with a member behind them, or with something to do: a balancer has servers for all that there could be. */
function serverTable(servers: readonly SwitchedServer[]): readonly string[] {
  const shown = servers.filter(({ container, sessions }) => container !== null || sessions > 0);
  const others = servers.length - shown.length;
  return [
    ...(shown.length === 0 ? [] : [table([SERVER_HEAD, ...shown.map(serverRow)])]),
    ...(others === 0 ? [] : [`${others} more servers have no member behind them`]),
  ];
}

/** `slot blue takes the requests, by load balancer edge`. */
function switchText(balancer: UnitSwitch | null): string {
  if (balancer === null) return 'the fleet file names no load balancer that sends requests to one of its slots';
  const { active, loadBalancer } = balancer;
  switch (active) {
    case null:
      return `load balancer ${loadBalancer} does not say which slot takes the requests`;
    case 'unset':
      return `load balancer ${loadBalancer} was not told yet which slot takes the requests`;
    case 'mixed':
      return `the frontends of load balancer ${loadBalancer} send requests to both slots`;
    default:
      return `slot ${active} takes the requests, by load balancer ${loadBalancer}`;
  }
}

/** Every job with what it said, whatever came of it: that is what an upgrade's tests are looked up for. */
function upgradeLines(upgrade: UnitProgress, now: number): readonly string[] {
  return [...unitLines({ ...upgrade, jobs: [] }, now), ...allJobLines(upgrade.jobs)].map(({ text }) => text);
}

function containerRow({ slot, service, host, container, running, version, image }: SlotContainer): readonly string[] {
  const state = running ? 'running' : 'stopped';
  return [slot ?? '–', service, host, container, state, version ?? '–', shortImage(image)];
}

function serverRow({ slot, service, name, state, health, sessions, address }: SwitchedServer): readonly string[] {
  return [slot, service, name, state, health, String(sessions), address];
}
