import type { Command } from 'commander';
import type { FleetId, UpgradeId } from '../../model/ids.ts';
import type { Policy } from '../../model/policy.ts';
import { releaseLabel } from '../../model/release.ts';
import type { FleetClient } from '../fleet-client.ts';
import { requestOfPlan } from '../open-plan.ts';
import { openRelease } from '../open-release.ts';
import type { StartOutcome, StartRequest } from '../upgrades.ts';
import { upgradeIdFrom, whoAmI, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { follow } from './follow.ts';
import { readPlan } from './open-plan.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { addInstallOptions, addPolicyOptions, policyFromOptions, type PolicyOptions } from './policy-options.ts';

type UpgradeOptions = CommonOptions &
  PolicyOptions & { readonly detach?: boolean; readonly id?: string; readonly plan?: string };

/** Options that say nothing of what is done, so that they go with a plan, which says all of that. */
const BESIDE_A_PLAN: readonly string[] = ['--plan', '--detach', '--id', '--json', '--fleet'];

/** `refit upgrade REF`, or `--plan FILE`: the whole fleet to a release, followed live unless detached. */
export function registerUpgrade(program: Command): void {
  const command = program
    .command('upgrade')
    .description('upgrade the fleet to a release, and follow it')
    .argument('[reference]', 'the release, as repository:tag or repository@digest')
    .option('--plan <file>', 'start what refit plan --save kept, in place of a reference and its options')
    .option('--detach', 'return as soon as the upgrade has begun')
    .option('--id <id>', 'name of this upgrade (default: the fleet’s name and a number)');
  addPolicyOptions(addInstallOptions(command));
  withExamples(
    command,
    'refit upgrade registry.lab:5000/sample:2.0.0',
    'refit upgrade registry.lab:5000/sample:2.0.0 --install waves --waves 1,5,25% --max-unavailable 10%',
    'refit upgrade registry.lab:5000/sample:2.0.0 --install daisy-chain --detach',
    'refit upgrade registry.lab:5000/sample:2.0.0 --on-failure rollback --max-failures 2',
    'refit upgrade --plan sample-2.plan.json --detach',
  ).action(runUpgrade);
}

async function runUpgrade(reference: string | undefined, options: UpgradeOptions, command: Command): Promise<void> {
  const output = outputOf(options);
  const wanted = options.id === undefined ? {} : { id: upgradeIdFrom(options.id) };
  const toRequest = requestMaker(reference, options, command);
  await withFleet(async (client) => {
    const { fleet, upgrades } = client;
    const request = await toRequest(client);
    const outcome = await upgrades.start({ ...request, ...wanted, requestedBy: whoAmI() });
    const id = acceptedId(outcome, fleet);
    if (options.detach === true) {
      output.say(`upgrade ${id} has begun; watch it with: refit upgrades watch ${id}`);
      if (output.json) output.document(startedDocument(id, fleet, request));
      return;
    }
    await follow({ upgrades, id, asked: 'upgrade', stopsForOperator: true }, output);
  });
}

type Request = Omit<StartRequest, 'requestedBy'>;

/** What was typed is judged at once; what it means is asked of registry and bus afterwards. */
function requestMaker(
  reference: string | undefined,
  options: UpgradeOptions,
  command: Command,
): (client: FleetClient) => Promise<Request> {
  const { plan } = options;
  if (plan === undefined) {
    if (reference === undefined) fail(exitCodes.wrongInput, "missing argument 'reference'; or give --plan FILE");
    const policy = policyFromOptions(options);
    return (client) => requestOfRelease(client, reference, policy);
  }
  const given = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map((option) => option.long ?? option.flags);
  const others = [
    ...(reference === undefined ? [] : [reference]),
    ...given.filter((each) => !BESIDE_A_PLAN.includes(each)),
  ];
  if (others.length > 0) {
    fail(
      exitCodes.wrongInput,
      `--plan says all of what is done; leave out ${others.join(', ')}, or plan again with it`,
    );
  }
  const saved = readPlan(plan);
  return (client) => requestOfPlan(client, saved);
}

async function requestOfRelease(client: FleetClient, reference: string, policy: Policy): Promise<Request> {
  const read = await openRelease(client, reference);
  return { reference, digest: read.ref.digest, release: releaseLabel(read.release), policy };
}

function acceptedId(outcome: StartOutcome, fleet: FleetId): UpgradeId {
  switch (outcome.outcome) {
    case 'started':
      return outcome.id;
    case 'running':
      return fail(
        exitCodes.wrongInput,
        `fleet ${fleet} has an upgrade at work already: ${outcome.id} to ${outcome.release}; watch it with: refit upgrades watch ${outcome.id}`,
      );
    case 'idUsed':
      fail(exitCodes.wrongInput, `upgrade ${outcome.id} was there before; choose another --id, or leave it out`);
  }
}

function startedDocument(id: UpgradeId, fleet: FleetId, { release, digest }: Request): object {
  return { id, fleet, release, digest, state: 'running', phase: 'preflight' };
}
