import type { Command } from 'commander';
import { registerServiceStatus } from './service-status.ts';
import { registerServiceOperate } from './service-operate.ts';
import { registerServiceUpgrade } from './service-upgrade.ts';

/** `refit service …`: the members of one service, wherever they are. */
export function registerServices(program: Command): void {
  const group = program.command('service').description('containers of any hosts that serve as one');
  registerServiceUpgrade(group);
  registerServiceStatus(group);
  registerServiceOperate(group);
}
