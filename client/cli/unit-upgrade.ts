import type { Command } from 'commander';
import type { Fleet } from '../../model/fleet.ts';
import { parseUnitId, type UnitId } from '../../model/ids.ts';
import type { ReadRelease } from '../../model/registry.ts';
import { releaseLabel } from '../../model/release.ts';
import type { UnitRelease } from '../../model/unit.ts';
import { upgradeIdFrom, parsedBy, whoAmI } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { followUnit } from './follow-unit.ts';
import { openRelease } from './open-release.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { unitFleetLines } from './unit-fleet-lines.ts';
import { addUnitOptions, unitPolicyFrom, type UnitOptions } from './unit-options.ts';
import { acceptedUnit, withUnits } from './with-units.ts';

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
  await withUnits(async (units, fleet) => {
    const read = await openRelease(fleet, reference);
    const ofRelease = unitOf(read, unit);
    refuseUnknownUnit(fleet, ofRelease);
    const policy = unitPolicyFrom(ofRelease.policy, options);
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

function unitOf({ release }: ReadRelease, unit: UnitId): UnitRelease {
  const found = release.units.find(({ name }) => name === unit);
  if (found !== undefined) return found;
  const names = release.units.map(({ name }) => name).join(', ');
  const has = names === '' ? 'it has none' : `its units: ${names}`;
  fail(exitCodes.wrongInput, `${releaseLabel(release)} has no unit ${unit}; ${has}; nothing was changed`);
}

/** What is the site's own, no release can say. */
export function refuseUnknownUnit(fleet: Fleet, unit: UnitRelease): void {
  if (fleet.units.some(({ name }) => name === unit.name)) return;
  const head = `the fleet file of ${fleet.fleet} has no unit ${unit.name}; nothing was changed; add to it, with the site’s own values:`;
  fail(exitCodes.wrongInput, [head, ...unitFleetLines(unit, fleet)].join('\n'));
}

function startedDocument(
  id: string,
  { fleet, unit, read }: { readonly fleet: Fleet; readonly unit: UnitId; readonly read: ReadRelease },
): object {
  const { ref } = read;
  const release = { release: releaseLabel(ref), digest: ref.digest };
  return { id, fleet: fleet.fleet, unit, ...release, state: 'running', step: 'preflight' };
}
