import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { ApplicationFailure, type UpdateDefinition } from '@temporalio/common';
import { failureTypes } from '../model/failures.ts';
import { isOver, type ApproveCommand, type HostCommand, type OperatorCommand } from '../model/upgrade.ts';
import { abort, approve, pause, resume, retryHost, rollback, skipHost, type CommandAnswer } from './messages.ts';
import type { Run } from './run.ts';

/** Names that a refusal lists: enough to see what they look like. */
const MAX_NAMED = 20;

/** A command: when it is refused (the reason, for people), and what it sets. Handlers never act; the main function does. */
type Command<Argument extends OperatorCommand> = {
  readonly description: string;
  readonly refuse: (run: Run, argument: Argument) => string | null;
  readonly accept: (run: Run, argument: Argument) => string;
};

/** Every operator command as an update, which answers, and by the same name as a signal, for the Web UI. */
export function handleCommands(run: Run): void {
  handle(run, pause, pauseCommand);
  handle(run, resume, resumeCommand);
  handle(run, rollback, rollbackCommand);
  handle(run, abort, abortCommand);
  handle(run, approve, approveCommand);
  handle(run, retryHost, retryCommand);
  handle(run, skipHost, skipCommand);
}

const pauseCommand: Command<OperatorCommand> = {
  description: 'start nothing new; what runs finishes',
  refuse: (run) => (run.wishes.pause ? 'it is paused already' : null),
  accept: (run) => {
    run.wishes.pause = true;
    return 'nothing new starts; what runs finishes';
  },
};

const resumeCommand: Command<OperatorCommand> = {
  description: 'go on; hosts that failed are tried again',
  refuse: (run) => (run.wishes.pause || run.state === 'waiting' ? null : `it is ${run.state}, not paused`),
  accept: (run) => {
    run.wishes.pause = false;
    run.wishes.resume = true;
    return 'it goes on';
  },
};

const rollbackCommand: Command<OperatorCommand> = {
  description: 'take every host that this upgrade changed back, in reverse order',
  refuse: (run) => (isGoingBack(run) ? 'it is rolling back already' : null),
  accept: (run) => {
    run.wishes.ending = 'rollback';
    run.wishes.pause = false;
    return 'what runs finishes, then all hosts go back in reverse order';
  },
};

const abortCommand: Command<OperatorCommand> = {
  description: 'stop for good and leave every host as it is',
  refuse: (run) => (run.wishes.ending === 'abort' ? 'it is ending already' : null),
  accept: (run) => {
    run.wishes.ending = 'abort';
    run.wishes.pause = false;
    return 'what runs finishes, then it ends; hosts stay as they are';
  },
};

const approveCommand: Command<ApproveCommand> = {
  description: 'let a step that waits for approval go on',
  refuse: (run, { step }) => {
    if (!run.input.policy.step) return 'this upgrade waits for no approval; it was started without --step';
    const waves = run.waves.map(({ name }) => name);
    if (!waves.includes(step))
      return `${step} is no step that waits for approval; there are: ${waves.slice(0, MAX_NAMED).join(', ')}`;
    return run.wishes.approved.has(step) ? `${step} is approved already` : null;
  },
  accept: (run, { step }) => {
    run.wishes.approved.add(step);
    return `${step} is approved`;
  },
};

const retryCommand: Command<HostCommand> = {
  description: 'order a host that failed once more',
  refuse: (run, { host }) => refuseHost(run, host),
  accept: (run, { host }) => {
    run.wishes.skip.delete(host);
    run.wishes.retry.add(host);
    return `${host} is tried again`;
  },
};

const skipCommand: Command<HostCommand> = {
  description: 'leave a host as it is and go on without it',
  refuse: (run, { host }) => refuseHost(run, host),
  accept: (run, { host }) => {
    run.wishes.retry.delete(host);
    run.wishes.skip.add(host);
    return `${host} is left as it is`;
  },
};

function refuseHost(run: Run, name: HostCommand['host']): string | null {
  const host = run.hosts.get(name);
  if (host === undefined)
    return `${name} is not in this upgrade; its hosts: ${[...run.hosts.keys()].slice(0, MAX_NAMED).join(', ')}`;
  return run.wishes.open.has(name)
    ? null
    : `${name} is ${host.state}; only a host that failed and waits for an answer can be retried or skipped`;
}

function handle<Argument extends OperatorCommand>(
  run: Run,
  definition: UpdateDefinition<CommandAnswer, [Argument]>,
  command: Command<Argument>,
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
    await condition(() => !run.isInterrupted() || run.wave !== 'atWork');
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

function refuseAny(run: Run, { upgrade }: OperatorCommand): string | null {
  if (upgrade !== undefined && upgrade !== run.input.upgrade) {
    return `${upgrade} does not run; ${run.input.upgrade} does`;
  }
  return isOver(run.state) ? `it has ${run.state} already` : null;
}

const refused = (name: string, reason: string): ApplicationFailure =>
  ApplicationFailure.create({
    type: failureTypes.commandRefused,
    message: `${name} refused: ${reason}`,
    nonRetryable: true,
  });

const isGoingBack = (run: Run): boolean => run.wishes.ending === 'rollback' || run.isGoingBack;
