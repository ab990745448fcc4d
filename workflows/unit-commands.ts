import type { ApproveCommand, OperatorCommand } from '../model/upgrade.ts';
import { approve, deleteStandby } from './messages.ts';
import { handle, handleOperatorCommands, type Command } from './operator-commands.ts';
import { APPROVE_CUTOVER, APPROVE_UNWELL } from './unit-cutover.ts';
import type { UnitRun } from './unit-run.ts';

/** An operator's commands on the upgrade of a unit: those of any upgrade, and those about its slots. */
export function handleUnitCommands(run: UnitRun): void {
  handleOperatorCommands(run);
  handle(run, approve, approveCommand);
  handle(run, deleteStandby, deleteStandbyCommand);
}

const approvals: readonly string[] = [APPROVE_CUTOVER, APPROVE_UNWELL];

const approveCommand: Command<ApproveCommand, UnitRun> = {
  description: 'let the cutover go on that waits for it',
  refuse: (run, { step }) => {
    if (!approvals.includes(step))
      return `${step} is nothing that waits for approval; there is: ${approvals.join(', ')}`;
    if (run.hasCutOver) return 'the cutover is over';
    if (step === APPROVE_CUTOVER && !run.input.policy.approval)
      return 'it waits for no approval; it was started without --approval';
    return run.wishes.approved.has(step) ? `${step} is approved already` : null;
  },
  accept: (run, { step }) => {
    run.wishes.approved.add(step);
    return `${step} is approved`;
  },
};

const deleteStandbyCommand: Command<OperatorCommand, UnitRun> = {
  description: 'remove the slot that is kept, and finish',
  refuse: (run) => {
    if (run.keptUntil === null) return 'no slot is kept now; that comes after the cutover and its soak';
    return run.wishes.deleteStandby ? 'it is being removed already' : null;
  },
  accept: (run) => {
    run.wishes.deleteStandby = true;
    return `slot ${run.standby ?? ''} is removed once it has finished its requests`;
  },
};
