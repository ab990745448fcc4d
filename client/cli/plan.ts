import type { Command } from 'commander';
import type { Hop, Wave } from '../../model/plan.ts';
import { releaseLabel } from '../../model/release.ts';
import { planUpgrade, type PlannedUpgrade } from '../plan-upgrade.ts';
import { openFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { openRelease } from './open-release.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { addInstallOptions, addPolicyOptions, policyFromOptions, type PolicyOptions } from './policy-options.ts';
import { formatBytes } from './quantity.ts';
import { serviceText } from './release-lines.ts';

/** Hosts of one wave that the plan names; the others are counted. */
const MAX_NAMED_HOSTS = 20;

/** `refit plan REF`: the whole tree, before anything runs. */
export function registerPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('show what an upgrade would do, and what stands against it; nothing is started')
    .argument('<reference>', 'the release, as repository:tag or repository@digest');
  addPolicyOptions(addInstallOptions(command));
  withExamples(
    command,
    'refit plan registry.lab:5000/sample:2.0.0',
    'refit plan registry.lab:5000/sample:2.0.0 --install waves --waves 1,5,25%',
    'refit plan registry.lab:5000/sample:2.0.0 --json',
  ).action(plan);
}

async function plan(reference: string, options: CommonOptions & PolicyOptions): Promise<void> {
  const output = outputOf(options);
  const policy = policyFromOptions(options);
  const fleet = openFleet();
  const read = await openRelease(fleet, reference);
  const planned = await planUpgrade({ fleet, read, policy });
  if (output.json) output.document({ ...planned, reference });
  else output.say(planText(planned));
  const errors = planned.findings.filter((finding) => finding.severity === 'error').length;
  if (errors > 0)
    fail(exitCodes.wrongInput, `the upgrade would be refused: ${errors} of these findings must be mended first`);
}

export function planText({ fleet, release, hops, findings }: PlannedUpgrade): string {
  return [
    `${releaseLabel(release)} on fleet ${fleet}`,
    `  ${release.repository}@${release.digest}`,
    ...hops.flatMap(hopLines),
    ...findings.map(({ host, severity, what, remedy }) => `${severity}: ${host ?? 'fleet'}: ${what}; ${remedy}`),
  ].join('\n');
}

function hopLines({ steps, downloadBytes, images, waves, alreadyThere, services }: Hop): readonly string[] {
  const there = alreadyThere.map((host) => host.name);
  return [
    `  every host downloads ${formatBytes(downloadBytes)}${images.length === 0 ? '' : ` and ${images.join(', ')}`}`,
    `  every host applies ${steps.map(({ id, type }) => `${id} (${type})`).join(', ') || 'no step'}`,
    ...waves.map(waveLine),
    ...(there.length === 0 ? [] : [`  there already, not touched: ${named(there)}`]),
    ...services.map((service) => `  then service ${serviceText(service)}`),
    ...(waves.length + services.length === 0 ? ['  nothing has to be done'] : []),
  ];
}

function waveLine({ name, hosts, maxUnavailable, start, gatekeeper }: Wave): string {
  const how =
    start === 'baton' ? 'each hands the turn on to the next' : `at most ${maxUnavailable} out of service at once`;
  const first = gatekeeper && hosts.length > 1 ? `, ${hosts[0]?.name ?? ''} goes first and alone` : '';
  const paths = hosts.map((host) => (host.from === null ? host.name : `${host.name} (${host.from})`));
  return `  ${name}: ${named(paths)}; ${how}${first}`;
}

function named(names: readonly string[]): string {
  const more = names.length - MAX_NAMED_HOSTS;
  return more <= 0 ? names.join(', ') : `${names.slice(0, MAX_NAMED_HOSTS).join(', ')} and ${more} more`;
}
