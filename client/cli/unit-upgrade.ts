import type { Command } from 'commander';
import { parseUnitId, type FleetId, type UnitId } from '../../model/ids.ts';
import type { ReadRelease } from '../../model/registry.ts';
import { releaseLabel } from '../../model/release.ts';
import { openRelease } from '../open-release.ts';
import { unitOfRelease } from '../open-unit.ts';
import { acceptedUnit } from './accepted-unit.ts';
import { upgradeIdFrom, parsedBy, whoAmI, withFleet } from './context.ts';
import { followUnit } from './follow-unit.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { addUnitOptions, unitPolicyFrom, type UnitOptions } from './unit-options.ts';

type UpgradeOptions = CommonOptions & UnitOptions & { readonly detach?: boolean; readonly id?: string };

/** `refit unit upgrade NAME REF`. */
export function registerUnitUpgrade(group: Command): void {
  const command = group
    .command('upgrade')
    .description('install the unit’s other slot, test it, send the requests to it, and follow all that')
    .argument('<name>', 'the unit, of the release and of the fleet file')
    .argument('<reference>', 'the release, as repository:tag or repository@digest')
    .option('--detach', 'return as soon as the upgrade has begun')
    .option('--id <id>', 'name of this upgrade (default: the unit’s name and the time)');
  withExamples(
    addUnitOptions(command),
    'refit unit upgrade shop registry.lab:5000/sample:2.0.0',
    'refit unit upgrade shop registry.lab:5000/sample:2.0.0 --approval --soak 10m --max-error-rate 2%',
    'refit unit upgrade shop registry.lab:5000/sample:2.0.0 --keep 24h --on-failure keep --detach',
  ).action(runUpgrade);
}

async function runUpgrade(text: string, reference: string, options: UpgradeOptions): Promise<void> {
  const output = outputOf(options);
  const unit = parsedBy(parseUnitId, text);
  const id = options.id === undefined ? {} : { id: upgradeIdFrom(options.id) };
  await withFleet(async (client) => {
    const { fleet, units } = client;
    const read = await openRelease(client, reference);
    const policy = unitPolicyFrom(unitOfRelease(read, unit).policy, options);
    const action = { action: 'upgrade', release: read.ref, policy } as const;
    const request = { unit, action, ...id, requestedBy: whoAmI() };
    const started = await acceptedUnit(units, unit, await units.start(request));
    if (options.detach === true) {
      output.say(`upgrade ${started.id} has begun; watch it with: refit unit watch ${unit}`);
      if (output.json) output.document(startedDocument(started.id, { fleet, unit, read }));
      return;
    }
    await followUnit(units, { unit, run: started.run, asked: 'upgrade', stopsForOperator: true }, output);
  });
}

function startedDocument(
  id: string,
  { fleet, unit, read }: { readonly fleet: FleetId; readonly unit: UnitId; readonly read: ReadRelease },
): object {
  const { ref } = read;
  const release = { release: releaseLabel(ref), digest: ref.digest };
  return { id, fleet, unit, ...release, state: 'running', step: 'preflight' };
}
