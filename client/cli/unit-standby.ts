import type { Command } from 'commander';
import { parseUnitId, type UnitId } from '../../model/ids.ts';
import type { FoundRun } from '../find-upgrade.ts';
import type { Units } from '../units.ts';
import { acceptedUnit } from './accepted-unit.ts';
import { parsedBy, whoAmI, withFleet } from './context.ts';
import { followUnit } from './follow-unit.ts';
import { sendCommand, speakerOf, type OperateOptions } from './operate-run.ts';
import { outputOf, type Output } from './output.ts';
import { addUnitCommand, operatedUnit } from './unit-operate.ts';

/** `refit unit delete-standby NAME`: there is no way back to that slot afterwards. */
export function registerUnitStandby(group: Command): void {
  addUnitCommand(group, 'delete-standby', 'remove the slot that takes no requests, and all that is its own')
    .option('--detach', 'return as soon as the removal has begun')
    .action(deleteStandby);
}

async function deleteStandby(text: string, options: OperateOptions): Promise<void> {
  const output = outputOf(options);
  const unit = parsedBy(parseUnitId, text);
  await withFleet(async ({ units }) => {
    const latest = await units.latest(unit);
    const { id, run } =
      latest?.isRunning === true
        ? await endKeeping({ units, unit, latest }, options, output)
        : await startDeletion({ units, unit }, options);
    if (options.detach !== true) {
      await followUnit(units, { unit, run, asked: 'deleteStandby', stopsForOperator: true }, output);
      return;
    }
    output.say(`the removal of unit ${unit}'s standby slot has begun (${id}); watch it with: refit unit watch ${unit}`);
    if (output.json) output.document({ id, unit, state: 'running' });
  });
}

type Spoken = { readonly units: Units; readonly unit: UnitId };
type Begun = Pick<FoundRun, 'id' | 'run'>;

/** The upgrade that keeps the slot ends with it. */
async function endKeeping(
  { units, unit, latest }: Spoken & { readonly latest: FoundRun },
  options: OperateOptions,
  output: Output,
): Promise<Begun> {
  const command = { name: 'deleteStandby', ...speakerOf(options) } as const;
  await sendCommand(operatedUnit(units, unit), { latest, command }, output);
  return latest;
}

async function startDeletion({ units, unit }: Spoken, { reason }: OperateOptions): Promise<Begun> {
  const action = { action: 'deleteStandby', ...(reason !== undefined && { reason }) } as const;
  return acceptedUnit(units, unit, await units.start({ unit, action, requestedBy: whoAmI() }));
}
