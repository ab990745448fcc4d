import { packWaves, type Hop, type PlannedMigration, type Wave, type WaveRun } from '../../model/plan.ts';
import type { Policy } from '../../model/policy.ts';
import { imageReference } from '../../model/release.ts';
import type { PlannedUpgrade } from '../plan-upgrade.ts';
import { named } from '../named.ts';
import { planBaseLines } from './plan-base-lines.ts';
import { formatBytes, formatDuration } from './quantity.ts';
import { serviceText } from './release-lines.ts';
import { shortImage } from './standing-lines.ts';

/** Waves that have a line each; of more, those that differ by their number only share one. */
const MAX_WAVE_LINES = 12;

/** One hop with its phases, in the order in which they run. Pure. */
export function planHopLines(
  { policy, hops }: Pick<PlannedUpgrade, 'policy' | 'hops'>,
  { index, installMs }: { readonly index: number; readonly installMs: number | null },
): readonly string[] {
  const hop = hops[index];
  if (hop === undefined) return [];
  const there = hop.alreadyThere.map(({ name }) => name);
  return [
    `${hops.length === 1 ? 'hop' : `hop ${index + 1} of ${hops.length}`}: ${headline(hop, installMs)}`,
    ...(hops.length === 1 ? [] : [`  ${imageReference(hop.release)}`]),
    ...hop.risks.map(({ name, reason }) => `  risk ${name} is accepted: ${reason}`),
    ...(hop.waves.length === 0 ? [] : [...downloadLines(hop, policy), ...installLines(hop, policy)]),
    ...(there.length === 0 ? [] : [`  there already, not touched: ${named(there)}`]),
    ...workLines(hop, policy),
    `  verify: every host of the hop is on ${hop.to}`,
  ];
}

/** Bytes that a host downloads at most: what it has already is not loaded again. `unknown`: images without a size. */
export function hopCost({ downloadBytes, images, waves }: Hop): { readonly bytes: number; readonly unknown: number } {
  if (waves.length === 0) return { bytes: 0, unknown: 0 };
  return {
    bytes: images.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), downloadBytes),
    unknown: images.filter(({ sizeBytes }) => sizeBytes === null).length,
  };
}

/** `3.4.2 → 4.0.1, 3 hosts, 120.0 MB on each, installs about 9m 0s`. */
function headline(hop: Hop, installMs: number | null): string {
  const hosts = hop.waves.reduce((sum, wave) => sum + wave.hosts.length, 0);
  if (hosts === 0) return `${hop.to}, no host to install`;
  const from = [...new Set(hop.waves.flatMap((wave) => wave.hosts.map((host) => host.from ?? 'nothing')))];
  return [
    `${named(from)} → ${hop.to}`,
    `${hosts} ${hosts === 1 ? 'host' : 'hosts'}`,
    `${costText(hop)} on each`,
    ...(installMs === null ? [] : [`installs about ${formatDuration(installMs)}`]),
  ].join(', ');
}

function costText(hop: Hop): string {
  const { bytes, unknown } = hopCost(hop);
  return `${formatBytes(bytes)}${unknown === 0 ? '' : ` and ${unknown} of unknown size`}`;
}

function downloadLines(hop: Hop, { maxParallelDownloads }: Policy): readonly string[] {
  const { downloadBytes, images } = hop;
  return [
    `  download: ${costText(hop)} on every host, at most ${maxParallelDownloads} hosts at a time`,
    `    the release ${formatBytes(downloadBytes)}`,
    ...images.map(
      ({ image, sizeBytes }) =>
        `    ${shortImage(image)} ${sizeBytes === null ? 'of unknown size' : formatBytes(sizeBytes)}`,
    ),
  ];
}

function installLines({ steps, waves }: Hop, { step }: Policy): readonly string[] {
  return [
    `  install: every host applies ${steps.map(({ id, type }) => `${id} (${type})`).join(', ') || 'no step'}`,
    ...planBaseLines(
      steps,
      waves.flatMap((wave) => wave.hosts),
    ),
    ...(waves.length <= MAX_WAVE_LINES ? waves.map(waveLine) : packedWaveLines(waves)),
    ...(step ? ['    gates: each wave waits for: refit approve ID WAVE'] : []),
  ];
}

function waveLine(wave: Wave): string {
  const { name, hosts, gatekeeper } = wave;
  const first = gatekeeper && hosts.length > 1 ? `, ${hosts[0]?.name ?? ''} goes first and alone` : '';
  const paths = hosts.map((host) => (host.from === null ? host.name : `${host.name} (${host.from})`));
  return `    ${name}: ${named(paths)}; ${howText(wave)}${first}`;
}

/** A wave that has no like keeps its hosts' names; beyond the bound the others are counted. */
function packedWaveLines(waves: readonly Wave[]): readonly string[] {
  const runs = packWaves(waves);
  const shown = runs.slice(0, MAX_WAVE_LINES);
  const waveOf = new Map(waves.map((wave) => [wave.name, wave]));
  const left = runs.slice(MAX_WAVE_LINES).reduce((sum, { count }) => sum + count, 0);
  return [
    ...shown.map((run) => {
      const wave = waveOf.get(run.name);
      return run.count === 1 && wave !== undefined ? waveLine(wave) : runLine(run);
    }),
    ...(left === 0 ? [] : [`    and ${left} more waves`]),
  ];
}

const runLine = (run: WaveRun): string =>
  `    ${run.name} and ${run.count - 1} more like it: ${run.hosts} ${run.hosts === 1 ? 'host' : 'hosts'} each; ${howText(run)}`;

const howText = ({ start, maxUnavailable }: Pick<Wave, 'start' | 'maxUnavailable'>): string =>
  start === 'baton' ? 'each hands the turn on to the next' : `at most ${maxUnavailable} out of service at once`;

/** What follows once every host is installed. */
function workLines({ migrations, services, hasBackup }: Hop, policy: Policy): readonly string[] {
  const expand = migrations.filter(({ when }) => when === 'expand');
  const contract = migrations.filter(({ when }) => when === 'contract');
  const backup = hasBackup ? ['  backup: verified and kept, before the first migration'] : [];
  return [
    ...(expand.length === 0 ? [] : backup),
    ...migrationLines('expand, while the earlier services serve', expand, policy),
    ...(services.length === 0 ? [] : ['  services:']),
    ...services.map((service) => `    ${shortImage(serviceText(service))}`),
    ...(expand.length === 0 && contract.length > 0 ? backup : []),
    ...migrationLines('contract, once the services are upgraded', contract, policy),
  ];
}

function migrationLines(when: string, migrations: readonly PlannedMigration[], policy: Policy): readonly string[] {
  if (migrations.length === 0) return [];
  return [`  migrations (${when}):`, ...migrations.map((migration) => `    ${migrationText(migration, policy)}`)];
}

function migrationText({ name, hasDown, isPointOfNoReturn }: PlannedMigration, { pointsOfNoReturn }: Policy): string {
  if (!isPointOfNoReturn) return `${name}, ${hasDown ? 'with a way back' : 'stays on a roll back'}`;
  const gate = pointsOfNoReturn === 'ask' ? `waits for: refit approve ID ${name}` : 'passed without asking';
  return `${name}, POINT OF NO RETURN: no roll back goes past it; ${gate}`;
}
