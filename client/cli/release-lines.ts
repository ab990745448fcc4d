import type { Published } from '../../drivers/registry.ts';
import type { BuiltRelease } from '../../drivers/release/build.ts';
import { formatSize } from '../../drivers/release/quantities.ts';
import { unreachable } from '../../model/assert.ts';
import type { ReadRelease } from '../../model/registry.ts';
import { planServices, type PlannedService } from '../../model/plan.ts';
import { formatAmount } from '../../model/policy.ts';
import { releaseImages, releaseLabel, type FilesStep, type Probe, type Step } from '../../model/release.ts';
import type { ServiceStrategy } from '../../model/service.ts';
import {
  hasNoWayBack,
  publishedPort,
  type Slot,
  type UnitMigration,
  type UnitRelease,
  type UnitService,
} from '../../model/unit.ts';
import { chainEntryText, chainLines, jumpLines, migrationLines } from './release-way-lines.ts';

/** What `refit release build` tells people. */
export function buildLines(built: BuiltRelease, published: Published | null): readonly string[] {
  const layers = built.layers.map(({ name, sizeBytes }) => `${name} ${formatSize(sizeBytes)}`).join(', ');
  return [
    `built ${releaseLabel(built.release)}`,
    `  digest   ${built.digest}`,
    `  contents ${built.contents}`,
    `  layout   ${built.layout}`,
    `  size     ${formatSize(built.sizeBytes)} (${layers})`,
    ...(published === null
      ? ['not published; publish it with: --push REGISTRY/NAME']
      : [`published as ${published.repository}:${published.tag}`, `  ${published.reference}`]),
  ];
}

/** What `refit release show` tells people. */
export function releaseLines({ ref, release, sizeBytes, layers }: ReadRelease): readonly string[] {
  const { host, fleets, units } = release;
  const images = releaseImages(release);
  const services = planServices(release);
  return [
    releaseLabel(ref),
    `  digest        ${ref.digest}`,
    `  contents      ${ref.contents}`,
    ...jumpLines(release.upgradesFrom),
    ...chainLines(release),
    `  for fleets    ${fleets.length === 0 ? 'all' : fleets.join(', ')}`,
    `  size          ${formatSize(sizeBytes)} (${layers.map((layer) => `${layer.name} ${formatSize(layer.sizeBytes)}`).join(', ')})`,
    `  disk          ${formatSize(host.diskFreeBytes)} free besides`,
    `  deadline      ${host.deadlineMs / 1000} s a host`,
    `  steps         ${host.steps.length === 0 ? 'none' : ''}`.trimEnd(),
    ...host.steps.map((step, index) => `    ${index + 1}. ${step.id}: ${stepText(step)}`),
    `  health        ${healthText(host.health)}`,
    ...host.health.probes.map((probe) => `    ${probeText(probe)}`),
    `  services      ${services.length === 0 ? 'none' : ''}`.trimEnd(),
    ...services.map((service, index) => `    ${index + 1}. ${serviceText(service)}`),
    ...migrationLines(release),
    `  units         ${units.length === 0 ? 'none' : ''}`.trimEnd(),
    ...units.flatMap((unit, index) => [
      `    ${index + 1}. ${unit.name}`,
      ...unitTexts(unit).map((text) => `       ${text}`),
    ]),
    `  images        ${images.length === 0 ? 'none' : ''}`.trimEnd(),
    ...images.map((image) => `    ${image}`),
    `  chain entry: ${chainEntryText({ ref, release })}`,
  ];
}

/** In the order in which services go. */
export function serviceText({ name, image, mode, strategy, infrastructure }: PlannedService): string {
  const how = [strategyText(strategy), ...(mode === 'inPlace' ? [] : [modeTexts[mode]])].join(', ');
  return `${name}${infrastructure ? ' (infrastructure)' : ''}: ${how}, to ${image}`;
}

function strategyText(strategy: ServiceStrategy): string {
  switch (strategy.strategy) {
    case 'inPlace':
      return 'one member after another';
    case 'phases':
      return `phases of ${formatAmount(strategy.size)}`;
    case 'allAtOnce':
      return 'all members at once';
    default:
      return unreachable(strategy);
  }
}

const modeTexts = { create: 'as new containers', agent: "by the hosts' agents" } as const;

function unitTexts({ services, addOns, accountData, migrations, tests }: UnitRelease): readonly string[] {
  const list = (what: string, items: readonly string[]): readonly string[] =>
    items.length === 0 ? [] : [`${what}: ${items.join(', ')}`];
  return [
    ...services.map(unitServiceText),
    ...list(
      'add-ons',
      addOns.map(({ name, image }) => `${name} from ${image}`),
    ),
    ...list('migrations', migrations.map(migrationText)),
    ...list('account data', accountData === null ? [] : [`beside ${accountData.beside}`]),
    ...list(
      'tests',
      tests.map(({ name, beside }) => `${name} beside ${beside}`),
    ),
  ];
}

function unitServiceText(service: UnitService): string {
  const { name, shared, members, image } = service;
  const count = `${members} ${members === 1 ? 'member' : 'members'}`;
  return `${name}${shared ? ' (shared)' : ''}: ${[count, ...portTexts(service)].join(', ')}, from ${image}`;
}

function portTexts({ port, shared, members }: UnitService): readonly string[] {
  if (port === null) return [];
  if (shared) return [`port ${publishedPort(port, 'shared', 1)}`];
  const range = (slot: Slot): string =>
    [...new Set([1, members])].map((ordinal) => publishedPort(port, slot, ordinal)).join('-');
  return [`${members === 1 ? 'port' : 'ports'} ${range('blue')} (blue) and ${range('green')} (green)`];
}

function migrationText(migration: UnitMigration): string {
  const { name, when, down } = migration;
  if (when === 'contract') return `${name} (contract)`;
  const back = hasNoWayBack(migration) ? 'no way back' : down === null ? 'stays on a return' : 'with a way back';
  return `${name} (expand, ${back})`;
}

export function stepText(step: Step): string {
  switch (step.type) {
    case 'files':
      return `files ${step.files.map(fileText).join(', ')}`;
    case 'packages':
      return `packages ${step.packages.map(({ name, version }) => `${name} ${version}`).join(', ')}`;
    case 'unit':
      return `unit ${step.unit} ${step.enabled ? 'enabled' : 'disabled'}, ${step.state}`;
    case 'run':
      return `run ${step.command.join(' ')}${step.undo === null ? ', without undo' : ''}`;
    case 'reboot':
      return 'reboot';
    case 'kernel':
      return `kernel ${step.kernel}, the earlier one by itself unless it is confirmed`;
    case 'engine':
      return `engine ${step.packages.map(({ name, version }) => `${name} ${version}`).join(', ')}`;
    case 'container':
      return `container ${step.name} from ${step.image}${step.base === 'kept' ? ', laid over what is set on it' : ''}`;
    default:
      return unreachable(step);
  }
}

const fileText = ({ to, ifEdited }: FilesStep['files'][number]): string =>
  ifEdited === 'replace' ? to : `${to} (${ifEdited} if edited)`;

const healthText = ({ probes, minHealthyTimeMs, deadlineMs }: ReadRelease['release']['host']['health']): string =>
  `${probes.length} probes, ${minHealthyTimeMs / 1000} s without a break within ${deadlineMs / 1000} s`;

function probeText(probe: Probe): string {
  switch (probe.type) {
    case 'http':
      return `http ${probe.url} answers ${probe.status}${probe.contains === null ? '' : ` with "${probe.contains}"`}`;
    case 'tcp':
      return `tcp ${probe.host}:${probe.port} is open`;
    case 'exec':
      return `exec ${probe.command.join(' ')}`;
    case 'unit':
      return `unit ${probe.unit} is active`;
    default:
      return unreachable(probe);
  }
}
