import type { Command } from 'commander';
import type { Fleet } from '../../model/fleet.ts';
import { parseHostId, type UpgradeId } from '../../model/ids.ts';
import { isOver } from '../../model/upgrade.ts';
import type { Command as OperatorCommand, CommandOutcome, Upgrades } from '../upgrades.ts';
import { failUnknownUpgrade, parsedBy, upgradeIdFrom, whoAmI, withUpgrades } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { follow } from './follow.ts';
import { outputOf, withExamples, type CommonOptions, type Output } from './output.ts';

type OperateOptions = CommonOptions & { readonly reason?: string; readonly detach?: boolean };

/** What the message says the command would have needed. */
const LIVE = 'only a running, paused or waiting upgrade can be';

/** `refit pause|resume|rollback|abort ID`, `approve ID STEP`, `retry ID HOST`, `skip ID HOST`. */
export function registerOperate(program: Command): void {
  addCommand(program, 'pause', 'start nothing new; what runs finishes').action(plain('pause'));
  addCommand(program, 'resume', 'go on after a pause, or once what failed is mended').action(plain('resume'));
  addCommand(program, 'rollback', 'take every host that the upgrade changed back, in reverse order')
    .option('--detach', 'return as soon as the roll back has begun')
    .action(plain('rollback'));
  addCommand(program, 'abort', 'end the upgrade and leave every host as it is').action(plain('abort'));
  addCommand(program, 'approve <step>', 'let a step go on that waits for it').action(approve);
  addCommand(program, 'retry <host>', 'order a host that failed once more').action(onHost('retryHost'));
  addCommand(program, 'skip <host>', 'leave a host that failed as it is and go on without it').action(
    onHost('skipHost'),
  );
}

function addCommand(program: Command, usage: string, description: string): Command {
  const [name = '', what] = usage.split(' ');
  const command = program
    .command(name)
    .description(description)
    .argument('<id>', 'the upgrade, such as lab-1')
    .option('--reason <text>', 'why, for the record');
  if (what !== undefined) command.argument(what);
  const line = `refit ${name} lab-1${what === undefined ? '' : what === '<step>' ? ' wave-2' : ' host-3'}`;
  return withExamples(command, line, `${line} --reason "disk of rack 4 replaced"`);
}

const plain =
  (name: 'pause' | 'resume' | 'rollback' | 'abort') =>
  (id: string, options: OperateOptions): Promise<void> =>
    operate(id, options, (common) => ({ name, ...common }));

const approve = (id: string, step: string, options: OperateOptions): Promise<void> =>
  operate(id, options, (common) => ({ name: 'approve', step, ...common }));

const onHost =
  (name: 'retryHost' | 'skipHost') =>
  (id: string, host: string, options: OperateOptions): Promise<void> =>
    operate(id, options, (common) => ({ name, host: parsedBy(parseHostId, host), ...common }));

type Common = { readonly by: string; readonly reason?: string };

async function operate(
  text: string,
  options: OperateOptions,
  toCommand: (common: Common) => OperatorCommand,
): Promise<void> {
  const output = outputOf(options);
  const id = upgradeIdFrom(text);
  const { reason } = options;
  const command = toCommand({ by: whoAmI(), ...(reason !== undefined && { reason }) });
  await withUpgrades(async (upgrades, fleet) => {
    await assertLive(upgrades, fleet, { id, verb: verbs[command.name] });
    const outcome = await upgrades.command(id, command);
    if (outcome.outcome === 'refused')
      fail(exitCodes.wrongInput, `upgrade ${id}: ${outcome.because}; nothing was changed`);
    if (command.name === 'rollback' && options.detach !== true) {
      output.say(`upgrade ${id}: ${outcome.message}`);
      await follow({ upgrades, id, asked: 'rollback', stopsForOperator: true }, output);
    } else {
      await report(upgrades, { id, outcome }, output);
    }
  });
}

/** A workflow that is closed can't be asked, so that its refusal is made here. */
async function assertLive(
  upgrades: Upgrades,
  fleet: Fleet,
  { id, verb }: { readonly id: UpgradeId; readonly verb: string },
): Promise<void> {
  const found = (await upgrades.list()).find((each) => each.id === id);
  if (found === undefined) return failUnknownUpgrade(upgrades, fleet, id);
  if (!found.isRunning || isOver(found.state)) {
    fail(exitCodes.wrongInput, `upgrade ${id} is over (${found.state}); ${LIVE} ${verb}; nothing was changed`);
  }
}

async function report(
  upgrades: Upgrades,
  { id, outcome }: { readonly id: UpgradeId; readonly outcome: Extract<CommandOutcome, { outcome: 'accepted' }> },
  output: Output,
): Promise<void> {
  const progress = await upgrades.progress(id);
  const atWork = progress?.hosts.filter((host) => working.includes(host.state)).map((host) => host.name) ?? [];
  if (output.json) output.document({ id, message: outcome.message, state: progress?.state ?? null, atWork });
  const runsOn = atWork.length === 0 ? '' : `; at work now: ${atWork.join(', ')}`;
  output.say(`upgrade ${id}: ${outcome.message}${runsOn}; watch it with: refit upgrades watch ${id}`);
}

const working: readonly string[] = ['downloading', 'installing', 'rollingBack'];

const verbs = {
  pause: 'paused',
  resume: 'resumed',
  rollback: 'rolled back',
  abort: 'aborted',
  approve: 'approved',
  retryHost: 'retried',
  skipHost: 'skipped',
} as const satisfies Record<OperatorCommand['name'], string>;
