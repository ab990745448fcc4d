import { Option, type Command } from 'commander';
import { parseHostId, type UpgradeId } from '../../model/ids.ts';
import { isOver, type EditedAnswer, type Progress } from '../../model/upgrade.ts';
import type { FleetClient } from '../fleet-client.ts';
import type { Command as OperatorCommand, CommandOutcome, Upgrades } from '../upgrades.ts';
import { failUnknownUpgrade, parsedBy, upgradeIdFrom, whoAmI, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { follow } from './follow.ts';
import { outputOf, withExamples, type CommonOptions, type Output } from './output.ts';

type OperateOptions = CommonOptions & { readonly reason?: string };
type RollbackOptions = OperateOptions & { readonly detach?: boolean; readonly to?: string };
type RetryOptions = OperateOptions & { readonly edited?: EditedAnswer };

/** What the message says the command would have needed. */
const LIVE = 'only a running, paused or waiting upgrade can be';

/** `refit pause|resume|rollback|abort ID`, `approve ID STEP`, `retry ID HOST`, `skip ID HOST`. */
export function registerOperate(program: Command): void {
  registerPlain(program, 'pause', 'start nothing new; what runs finishes');
  registerPlain(program, 'resume', 'go on after a pause, or once what failed is mended');
  registerRollback(program);
  registerPlain(program, 'abort', 'end the upgrade and leave every host as it is');
  registerApprove(program);
  registerRetry(program);
  withExamples(
    addCommand(program, 'skip', 'leave a host that failed as it is and go on without it').argument('<host>'),
    'refit skip lab-1 host-3',
    'refit skip lab-1 host-3 --reason "disk of rack 4 is gone"',
  ).action(skip);
}

function registerPlain(program: Command, name: PlainName, description: string): void {
  withExamples(
    addCommand(program, name, description),
    `refit ${name} lab-1`,
    `refit ${name} lab-1 --reason "disk of rack 4 replaced"`,
  ).action((id: string, options: OperateOptions) => operate(id, options, (common) => ({ name, ...common })));
}

function registerRollback(program: Command): void {
  withExamples(
    addCommand(program, 'rollback', 'take what the upgrade changed back, in reverse order')
      .option('--to <checkpoint>', 'where it stops: start, or the version of a hop (default: as far as it goes)')
      .option('--detach', 'return as soon as the roll back has begun'),
    'refit rollback lab-1 --reason "slower than before"',
    'refit rollback lab-1 --to 4.0.1        # stops at the checkpoint; show names them',
  ).action(rollback);
}

function registerApprove(program: Command): void {
  withExamples(
    addCommand(program, 'approve', 'let a step go on that waits for it').argument(
      '<step>',
      'a wave, the version of a hop, or a migration, as the wait names it',
    ),
    'refit approve lab-1 wave-2',
    'refit approve lab-1 4.1.1              # the hop to 4.1.1 begins',
    'refit approve lab-1 drop-old-columns   # a migration that has no way back is applied',
  ).action(approve);
}

function registerRetry(program: Command): void {
  const edited = new Option('--edited <answer>', 'what becomes of files on it that an administrator edited');
  withExamples(
    addCommand(program, 'retry', 'order a host that failed once more').argument('<host>'),
    'refit retry lab-1 host-3',
    'refit retry lab-1 host-3 --edited keep      # the edited files stay, the release’s come beside them',
    'refit retry lab-1 host-3 --edited replace   # the release’s come, the edited ones stay beside them',
  )
    .addOption(edited.choices(['keep', 'replace']))
    .action(retry);
}

const addCommand = (program: Command, name: string, description: string): Command =>
  program
    .command(name)
    .description(description)
    .argument('<id>', 'the upgrade, such as lab-1')
    .option('--reason <text>', 'why, for the record');

type PlainName = 'pause' | 'resume' | 'abort';

const rollback = (id: string, options: RollbackOptions): Promise<void> =>
  operate(id, options, (common) => ({
    name: 'rollback',
    ...(options.to !== undefined && { to: options.to }),
    ...common,
  }));

const approve = (id: string, step: string, options: OperateOptions): Promise<void> =>
  operate(id, options, (common) => ({ name: 'approve', step, ...common }));

const retry = (id: string, host: string, options: RetryOptions): Promise<void> =>
  operate(id, options, (common) => ({
    name: 'retryHost',
    host: parsedBy(parseHostId, host),
    ...(options.edited !== undefined && { edited: options.edited }),
    ...common,
  }));

const skip = (id: string, host: string, options: OperateOptions): Promise<void> =>
  operate(id, options, (common) => ({ name: 'skipHost', host: parsedBy(parseHostId, host), ...common }));

type Common = { readonly by: string; readonly reason?: string };

async function operate(
  text: string,
  options: RollbackOptions,
  toCommand: (common: Common) => OperatorCommand,
): Promise<void> {
  const output = outputOf(options);
  const id = upgradeIdFrom(text);
  const { reason } = options;
  const command = toCommand({ by: whoAmI(), ...(reason !== undefined && { reason }) });
  await withFleet(async (client) => {
    const { upgrades } = client;
    await assertLive(client, { id, name: command.name });
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
  client: FleetClient,
  { id, name }: { readonly id: UpgradeId; readonly name: OperatorCommand['name'] },
): Promise<void> {
  const { upgrades } = client;
  const found = (await upgrades.list()).find((each) => each.id === id);
  if (found === undefined) return failUnknownUpgrade(client, id);
  if (!found.isRunning || isOver(found.state)) {
    const why = name === 'rollback' ? wayBack(await upgrades.progress(id)) : '';
    const over = `upgrade ${id} is over (${found.state}); ${LIVE} ${verbs[name]}`;
    fail(exitCodes.wrongInput, `${over}${why}; nothing was changed`);
  }
}

/** Whether there would have been a way back to the start, as the record has it. */
const wayBack = (progress: Progress | null): string =>
  progress === null || progress.forwardOnly === null ? '' : `; besides, it is ${progress.forwardOnly}`;

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
