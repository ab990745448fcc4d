import type { ApproveCommand, HostCommand } from '../model/upgrade.ts';
import { approve, retryHost, skipHost } from './messages.ts';
import { handle, handleOperatorCommands, type Command } from './operator-commands.ts';
import type { Run } from './run.ts';

/** Names that a refusal lists: enough to see what they look like. */
const MAX_NAMED = 20;

/** An operator's commands on the upgrade of a fleet: those of any upgrade, and those about waves and hosts. */
export function handleCommands(run: Run): void {
  handleOperatorCommands(run);
  handle(run, approve, approveCommand);
  handle(run, retryHost, retryCommand);
  handle(run, skipHost, skipCommand);
}

const approveCommand: Command<ApproveCommand, Run> = {
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

const retryCommand: Command<HostCommand, Run> = {
  description: 'order a host that failed once more',
  refuse: (run, { host }) => refuseHost(run, host),
  accept: (run, { host }) => {
    run.wishes.skip.delete(host);
    run.wishes.retry.add(host);
    return `${host} is tried again`;
  },
};

const skipCommand: Command<HostCommand, Run> = {
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
