import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { ApplicationFailure, type UpdateDefinition } from '@temporalio/common';
import { failureTypes } from '../model/failures.ts';
import { isOver, type OperatorCommand, type RollbackCommand } from '../model/upgrade.ts';
import { abort, pause, resume, rollback, type CommandAnswer } from './messages.ts';
import type { Operated } from './operated.ts';

/** A command: when it is refused (the reason, for people), and what it sets. Handlers never act; the main function does. */
export type Command<Argument extends OperatorCommand, Spoken extends Operated> = {
  readonly description: string;
  readonly refuse: (run: Spoken, argument: Argument) => string | null;
  readonly accept: (run: Spoken, argument: Argument) => string;
};

/** What an operator can say to any upgrade. */
export function handleOperatorCommands(run: Operated): void {
  handle(run, pause, pauseCommand);
  handle(run, resume, resumeCommand);
  handle(run, rollback, rollbackCommand);
  handle(run, abort, abortCommand);
}

const pauseCommand: Command<OperatorCommand, Operated> = {
  description: 'start nothing new; what runs finishes',
  refuse: (run) => (run.wishes.pause ? 'it is paused already' : null),
  accept: (run) => {
    run.wishes.pause = true;
    return 'nothing new starts; what runs finishes';
  },
};

const resumeCommand: Command<OperatorCommand, Operated> = {
  description: 'go on; what failed is tried again',
  refuse: (run) => (run.wishes.pause || run.state === 'waiting' ? null : `it is ${run.state}, not paused`),
  accept: (run) => {
    run.wishes.pause = false;
    run.wishes.resume = true;
    return 'it goes on';
  },
};

const rollbackCommand: Command<RollbackCommand, Operated> = {
  description: 'take back all that this upgrade changed, in reverse order',
  refuse: (run, { to }) =>
    run.wishes.ending === 'rollback' ? 'it is rolling back already' : run.refuseRollback(to ?? null),
  accept: (run, { to }) => {
    run.wishes.ending = 'rollback';
    run.wishes.to = to ?? null;
    run.wishes.pause = false;
    return `what runs finishes, then ${run.describeRollback(to ?? null)} goes back in reverse order`;
  },
};

const abortCommand: Command<OperatorCommand, Operated> = {
  description: 'stop for good and leave everything as it is',
  refuse: (run) => (run.wishes.ending === 'abort' ? 'it is ending already' : null),
  accept: (run) => {
    run.wishes.ending = 'abort';
    run.wishes.pause = false;
    return 'what runs finishes, then it ends; everything stays as it is';
  },
};

/** As an update, which answers, and by the same name as a signal, for the Web UI. */
export function handle<Argument extends OperatorCommand, Spoken extends Operated>(
  run: Spoken,
  definition: UpdateDefinition<CommandAnswer, [Argument]>,
  command: Command<Argument, Spoken>,
): void {
  const refusal = (argument: Argument): string | null => refuseAny(run, argument) ?? command.refuse(run, argument);
  const accept = (argument: Argument): CommandAnswer => {
    const message = command.accept(run, argument);
    const by = argument.by ?? 'an operator';
    run.decide({ rule: 'operator', decision: definition.name, because: argument.reason ?? 'no reason given', by });
    run.show();
    return { message };
  };
  const answer = async (argument: Argument): Promise<CommandAnswer> => {
    const accepted = accept(argument);
    // Who has the answer may rely on it: from then on nothing new starts.
    await condition(() => !run.isInterrupted() || run.isHeeded());
    return accepted;
  };
  setHandler(definition, answer, {
    description: command.description,
    validator: (argument: Argument): void => {
      const reason = refusal(argument);
      if (reason !== null) throw refused(definition.name, reason);
    },
  });
  // A signal can't be refused: one that makes no sense is noted and changes nothing.
  setHandler(
    defineSignal<[Argument?]>(definition.name),
    (argument) => {
      const given = argument ?? ({} as Argument);
      const reason = refusal(given);
      if (reason === null) accept(given);
      else
        run.decide({
          rule: 'operator',
          decision: `${definition.name} ignored`,
          because: reason,
          by: given.by ?? 'signal',
        });
    },
    { description: command.description },
  );
}

function refuseAny(run: Operated, { upgrade }: OperatorCommand): string | null {
  if (upgrade !== undefined && upgrade !== run.input.upgrade) {
    return `${upgrade} does not run; ${run.input.upgrade} does`;
  }
  if (run.isClosing) return 'it is ending: what was kept for the way back is being removed';
  return isOver(run.state) ? `it has ${run.state} already` : null;
}

const refused = (name: string, reason: string): ApplicationFailure =>
  ApplicationFailure.create({
    type: failureTypes.commandRefused,
    message: `${name} refused: ${reason}`,
    nonRetryable: true,
  });
