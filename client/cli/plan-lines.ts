import type { Finding } from '../../model/upgrade.ts';
import { releaseLabel } from '../../model/release.ts';
import { buildOf } from '../../model/upgrader.ts';
import type { Estimate } from '../estimate.ts';
import type { PlannedUpgrade } from '../plan-upgrade.ts';
import { hopCost, planHopLines } from './plan-hop-lines.ts';
import { formatBytes, formatDuration } from './quantity.ts';

/** Findings that have a line each, errors first; `--json` has them all. */
const MAX_FINDING_LINES = 40;

/** The whole tree in the order in which it runs, for people; as long for ten thousand hosts as for a hundred. Pure. */
export function planLines(planned: PlannedUpgrade, estimate: Estimate): readonly string[] {
  const { fleet, release, hops, findings } = planned;
  const over = hops.slice(0, -1).map(({ to }) => to);
  return [
    `${releaseLabel(release)} on fleet ${fleet}${over.length === 0 ? '' : `, in ${hops.length} hops over ${over.join(', ')}`}`,
    `  ${release.repository}@${release.digest}`,
    ...(hasWork(planned) ? totals(planned, estimate) : ['  nothing has to be done']),
    ...itselfLines(planned),
    ...hops.flatMap((hop, index) => [
      ...(index === 0 ? [] : [gateLine(planned, index)]),
      ...planHopLines(planned, { index, installMs: installMsOf(estimate, index) }),
    ]),
    ...findingLines(findings),
  ];
}

/** What goes before any hop. */
function itselfLines({ selfUpgrade }: PlannedUpgrade): readonly string[] {
  if (selfUpgrade === undefined) return [];
  const { upgrader, agents } = selfUpgrade;
  return [
    'self-upgrade, before anything else',
    ...(upgrader === null
      ? []
      : [`  upgrader: build ${buildOf(upgrader.image)} on ${upgrader.hosts.join(', ')}, unless it is current already`]),
    ...(agents === null
      ? []
      : [`  agents: ${agents.hosts} ${agents.hosts === 1 ? 'host' : 'hosts'} to ${agents.to}, the first by itself`]),
  ];
}

const hasWork = ({ hops, selfUpgrade }: PlannedUpgrade): boolean =>
  selfUpgrade !== undefined ||
  hops.some(({ waves, services, migrations }) => waves.length + services.length + migrations.length > 0);

function totals({ hops, policy }: PlannedUpgrade, estimate: Estimate): readonly string[] {
  const points = hops.flatMap(({ to, migrations }) =>
    migrations.filter(({ isPointOfNoReturn }) => isPointOfNoReturn).map(({ name }) => `${name} of ${to}`),
  );
  const bytes = hops.reduce((sum, hop) => sum + hopCost(hop).bytes, 0);
  return [
    ...(hops.length < 2 ? [] : [`  every host downloads at most ${formatBytes(bytes)} in all`]),
    ...(hops.some(({ waves }) => waves.length > 0) ? [`  ${estimateText(estimate)}`] : []),
    ...(points.length === 0
      ? []
      : [`  POINTS OF NO RETURN, ${pointsTexts[policy.pointsOfNoReturn]}: ${points.join(', ')}`]),
  ];
}

const pointsTexts = { ask: 'each waits for an operator', pass: 'passed without asking' } as const;

/** `installs take about 9m 0s: …`, or why nobody can say how long. */
export function estimateText(estimate: Estimate): string {
  if (estimate.estimate === 'none') return `no estimate of time: ${estimate.because}`;
  const { installMs, hops, hostMs, hosts, upgrades } = estimate;
  const turns = hops.reduce((sum, hop) => sum + hop.turns, 0);
  const taken = `${turns} one after another at ${formatDuration(hostMs)}, the median of ${hosts} hosts of ${upgrades.join(', ')}`;
  return `installs take about ${formatDuration(installMs)} (${taken}); downloads, services and migrations come on top`;
}

const installMsOf = (estimate: Estimate, index: number): number | null =>
  estimate.estimate === 'none' ? null : (estimate.hops[index]?.installMs ?? null);

/** Between two hops; where a roll back can stop as long as no point of no return after it is passed. */
function gateLine({ hops, policy }: PlannedUpgrade, index: number): string {
  const [before, after] = [hops[index - 1]?.to ?? '', hops[index]?.to ?? ''];
  const approval = policy.step ? `, and on: refit approve ID ${after}` : '';
  return `gate and checkpoint ${before}: the hop to ${after} waits until all of the hop to ${before} is verified${approval}`;
}

function findingLines(findings: readonly Finding[]): readonly string[] {
  const sorted = [...findings].sort((a, b) => Number(a.severity !== 'error') - Number(b.severity !== 'error'));
  const left = sorted.length - MAX_FINDING_LINES;
  return [
    ...sorted
      .slice(0, MAX_FINDING_LINES)
      .map(({ host, severity, what, remedy }) => `${severity}: ${host ?? 'fleet'}: ${what}; ${remedy}`),
    ...(left <= 0 ? [] : [`and ${left} more findings; all of them: refit plan --json`]),
  ];
}
