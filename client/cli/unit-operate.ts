import type { Command } from 'commander';
import { parseUnitId, type UnitId } from '../../model/ids.ts';
import type { FoundRun } from '../find-upgrade.ts';
import type { UnitCommand, Units } from '../units.ts';
import { parsedBy, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { followUnit } from './follow-unit.ts';
import {
  knownRun,
  runAtWork,
  sendCommand,
  speakerOf,
  stateOf,
  type Operated,
  type OperateOptions,
} from './operate-run.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';

/** What `approve` lets go on unless another step is named. */
const CUTOVER = 'cutover';

/** `refit unit pause|resume|rollback|abort|approve|watch NAME`. */
export function registerUnitOperate(group: Command): void {
  addUnitCommand(group, 'pause', 'start nothing new; what runs finishes').action(operate('pause'));
  addUnitCommand(group, 'resume', 'go on after a pause, or once what failed is mended').action(operate('resume'));
  addUnitCommand(group, 'rollback', 'send the requests back to the earlier slot, and remove the new one')
    .option('--detach', 'return as soon as the roll back has begun')
    .action(rollback);
  addUnitCommand(group, 'abort', 'end the upgrade and leave both slots as they are').action(operate('abort'));
  addUnitCommand(group, 'approve', 'let a step go on that waits for it')
    .argument('[step]', 'the step, as the wait names it', CUTOVER)
    .action(approve);
  withExamples(
    group.command('watch').argument('<name>').description('follow the latest upgrade of a unit'),
    'refit unit watch shop',
  ).action(watch);
}

export const addUnitCommand = (group: Command, name: string, description: string): Command =>
  withExamples(
    group.command(name).description(description).argument('<name>').option('--reason <text>', 'why, for the record'),
    `refit unit ${name} shop`,
    `refit unit ${name} shop --reason "as announced to its users"`,
  );

const operate =
  (name: 'pause' | 'resume' | 'abort') =>
  (text: string, options: OperateOptions): Promise<void> =>
    command(text, options, { name, ...speakerOf(options) });

const approve = (text: string, step: string, options: OperateOptions): Promise<void> =>
  command(text, options, { name: 'approve', step, ...speakerOf(options) });

async function command(text: string, options: OperateOptions, asked: UnitCommand): Promise<void> {
  const output = outputOf(options);
  const unit = parsedBy(parseUnitId, text);
  await withFleet(async ({ units }) => {
    const operated = operatedUnit(units, unit);
    const latest = await runAtWork(operated);
    await sendCommand(operated, { latest, command: asked }, output);
    if (output.json) output.document({ id: latest.id, unit, state: await stateOf(operated, latest) });
  });
}

async function rollback(text: string, options: OperateOptions): Promise<void> {
  const output = outputOf(options);
  const unit = parsedBy(parseUnitId, text);
  await withFleet(async ({ units }) => {
    const operated = operatedUnit(units, unit);
    const latest = await knownRun(operated);
    if (!latest.isRunning) fail(exitCodes.wrongInput, noWayBack(unit, latest));
    await sendCommand(operated, { latest, command: { name: 'rollback', ...speakerOf(options) } }, output);
    if (options.detach === true) {
      if (output.json) output.document({ id: latest.id, unit, state: 'rollingBack' });
      return;
    }
    await followUnit(units, { unit, run: latest.run, asked: 'rollback', stopsForOperator: true }, output);
  });
}

/** Once an upgrade is over nothing of the earlier slot is left to go back to. */
export function noWayBack(unit: UnitId, { id, state }: Pick<FoundRun, 'id' | 'state'>): string {
  const why = state === 'succeeded' ? ', and the slot that it came from is gone' : '';
  return `upgrade ${id} of unit ${unit} is over (${state})${why}; nothing was changed; to take an earlier release: refit unit upgrade ${unit} REFERENCE`;
}

async function watch(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  const unit = parsedBy(parseUnitId, text);
  await withFleet(async ({ units }) => {
    const { run } = await knownRun(operatedUnit(units, unit));
    // On a terminal somebody is there who may resume it in another window and wants to see it go on.
    await followUnit(units, { unit, run, asked: 'upgrade', stopsForOperator: !output.people.isTTY }, output);
  });
}

export const operatedUnit = (units: Units, unit: UnitId): Operated<UnitCommand> => ({
  what: `unit ${unit}`,
  watchCommand: `refit unit watch ${unit}`,
  beginCommand: `refit unit upgrade ${unit} REFERENCE`,
  latest: () => units.latest(unit),
  look: (run) => units.look(run),
  command: (asked) => units.command(unit, asked),
});
