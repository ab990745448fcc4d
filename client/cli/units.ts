import type { Command } from 'commander';
import { registerUnitOperate } from './unit-operate.ts';
import { registerUnitStandby } from './unit-standby.ts';
import { registerUnitStatus } from './unit-status.ts';
import { registerUnitUpgrade } from './unit-upgrade.ts';

/** `refit unit …`: whole blue/green installations. */
export function registerUnits(program: Command): void {
  const group = program.command('unit').description('whole installations that stand by, are tested, and take over');
  registerUnitUpgrade(group);
  registerUnitStatus(group);
  registerUnitOperate(group);
  registerUnitStandby(group);
}
