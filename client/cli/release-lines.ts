import type { Published } from '../../drivers/registry.ts';
import type { BuiltRelease } from '../../drivers/release/build.ts';
import { formatSize } from '../../drivers/release/quantities.ts';
import { unreachable } from '../../model/assert.ts';
import type { ReadRelease } from '../../model/registry.ts';
import { hostImages, releaseLabel, type Probe, type Step } from '../../model/release.ts';

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
  const { host, upgradesFrom, fleets } = release;
  const images = hostImages(release);
  return [
    releaseLabel(ref),
    `  digest        ${ref.digest}`,
    `  contents      ${ref.contents}`,
    `  upgrades from ${upgradesFrom.length === 0 ? 'any version' : upgradesFrom.join(', ')}`,
    `  for fleets    ${fleets.length === 0 ? 'all' : fleets.join(', ')}`,
    `  size          ${formatSize(sizeBytes)} (${layers.map((layer) => `${layer.name} ${formatSize(layer.sizeBytes)}`).join(', ')})`,
    `  disk          ${formatSize(host.diskFreeBytes)} free besides`,
    `  deadline      ${host.deadlineMs / 1000} s a host`,
    `  steps         ${host.steps.length === 0 ? 'none' : ''}`.trimEnd(),
    ...host.steps.map((step, index) => `    ${index + 1}. ${step.id}: ${stepText(step)}`),
    `  health        ${healthText(host.health)}`,
    ...host.health.probes.map((probe) => `    ${probeText(probe)}`),
    `  images        ${images.length === 0 ? 'none' : ''}`.trimEnd(),
    ...images.map((image) => `    ${image}`),
  ];
}

function stepText(step: Step): string {
  switch (step.type) {
    case 'files':
      return `files ${step.files.map(({ to }) => to).join(', ')}`;
    case 'packages':
      return `packages ${step.packages.map(({ name, version }) => `${name} ${version}`).join(', ')}`;
    case 'unit':
      return `unit ${step.unit} ${step.enabled ? 'enabled' : 'disabled'}, ${step.state}`;
    case 'run':
      return `run ${step.command.join(' ')}${step.undo === null ? ', without undo' : ''}`;
    case 'reboot':
      return 'reboot';
    case 'container':
      return `container ${step.name} from ${step.image}`;
    default:
      return unreachable(step);
  }
}

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
