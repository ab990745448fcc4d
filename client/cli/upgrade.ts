import type { Command } from 'commander';
import type { Fleet } from '../../model/fleet.ts';
import type { UpgradeId } from '../../model/ids.ts';
import type { ReadRelease } from '../../model/registry.ts';
import { releaseLabel } from '../../model/release.ts';
import { readHosts } from '../bus-view.ts';
import type { StartOutcome } from '../upgrades.ts';
import { upgradeIdFrom, whoAmI, withUpgrades } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { follow } from './follow.ts';
import { openRelease } from './open-release.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { addInstallOptions, addPolicyOptions, policyFromOptions, type PolicyOptions } from './policy-options.ts';

export type UpgradeOptions = CommonOptions & PolicyOptions & { readonly detach?: boolean; readonly id?: string };

/** `refit upgrade REF`: the whole fleet to a release, followed live unless detached. */
export function registerUpgrade(program: Command): void {
  const command = program
    .command('upgrade')
    .description('upgrade the fleet to a release, and follow it')
    .argument('<reference>', 'the release, as repository:tag or repository@digest')
    .option('--detach', 'return as soon as the upgrade has begun')
    .option('--id <id>', 'name of this upgrade (default: the fleet’s name and a number)');
  addPolicyOptions(addInstallOptions(command));
  withExamples(
    command,
    'refit upgrade registry.lab:5000/sample:2.0.0',
    'refit upgrade registry.lab:5000/sample:2.0.0 --install waves --waves 1,5,25% --max-unavailable 10%',
    'refit upgrade registry.lab:5000/sample:2.0.0 --install daisy-chain --detach',
    'refit upgrade registry.lab:5000/sample:2.0.0 --on-failure rollback --max-failures 2',
  ).action(runUpgrade);
}

async function runUpgrade(reference: string, options: UpgradeOptions): Promise<void> {
  const output = outputOf(options);
  const policy = policyFromOptions(options);
  const wanted = options.id === undefined ? {} : { id: upgradeIdFrom(options.id) };
  await withUpgrades(async (upgrades, fleet) => {
    const read = await openRelease(fleet, reference);
    // An upgrade that can't speak to its hosts would only wait: better said before it begins.
    await readHosts(fleet);
    const request = { reference, digest: read.ref.digest, release: releaseLabel(read.release), policy, ...wanted };
    const outcome = await upgrades.start({ ...request, requestedBy: whoAmI() });
    const id = acceptedId(outcome, fleet);
    if (options.detach === true) {
      output.say(`upgrade ${id} has begun; watch it with: refit upgrades watch ${id}`);
      if (output.json) output.document(startedDocument(id, fleet, read));
      return;
    }
    await follow({ upgrades, id, asked: 'upgrade', stopsForOperator: true }, output);
  });
}

function acceptedId(outcome: StartOutcome, fleet: Fleet): UpgradeId {
  switch (outcome.outcome) {
    case 'started':
      return outcome.id;
    case 'running':
      return fail(
        exitCodes.wrongInput,
        `fleet ${fleet.fleet} has an upgrade at work already: ${outcome.id} to ${outcome.release}; watch it with: refit upgrades watch ${outcome.id}`,
      );
    case 'idUsed':
      fail(exitCodes.wrongInput, `upgrade ${outcome.id} was there before; choose another --id, or leave it out`);
  }
}

function startedDocument(id: UpgradeId, { fleet }: Fleet, { ref }: ReadRelease): object {
  return { id, fleet, release: releaseLabel(ref), digest: ref.digest, state: 'running', phase: 'preflight' };
}
