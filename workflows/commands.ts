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
    const steps = stepsToApprove(run);
    if (steps.length === 0) return 'this upgrade waits for no approval; it was started without --step';
    if (!steps.includes(step))
      return `${step} is no step that waits for approval; there are: ${steps.slice(0, MAX_NAMED).join(', ')}`;
    return run.wishes.approved.has(step) ? `${step} is approved already` : null;
  },
  accept: (run, { step }) => {
    run.wishes.approved.add(step);
    return `${step} is approved`;
  },
};

/** Of the hop at work its waves and its points of no return, and the hops after it. */
function stepsToApprove(run: Run): readonly string[] {
  const { policy } = run.input;
  const [hop, ...later] = run.hops.slice(run.at);
  const waves = policy.step ? [...(hop?.waves ?? []).map(({ name }) => name), ...later.map(({ to }) => to)] : [];
  const points = (hop?.planned.migrations ?? []).filter(({ isPointOfNoReturn }) => isPointOfNoReturn);
  return policy.pointsOfNoReturn === 'ask' ? [...waves, ...points.map(({ name }) => name)] : waves;
}

const retryCommand: Command<HostCommand, Run> = {
  description: 'try a host, or a service, that failed once more',
  refuse: (run, { host }) => refuseHost(run, host),
  accept: (run, { host, edited }) => {
    if (run.hop.services.isAsked(host)) run.wishes.resume = true;
    else {
      if (edited !== undefined) run.wishes.edited.set(host, edited);
      run.wishes.skip.delete(host);
      run.wishes.retry.add(host);
    }
    return `${host} is tried again`;
  },
};

const skipCommand: Command<HostCommand, Run> = {
  description: 'leave a host, or a service, as it is and go on without it',
  refuse: (run, { host }) => refuseHost(run, host),
  accept: (run, { host }) => {
    if (run.hop.services.isAsked(host)) run.hop.services.skip();
    else {
      run.wishes.retry.delete(host);
      run.wishes.skip.add(host);
    }
    return `${host} is left as it is`;
  },
};

/** An operator names a service as a host: only one of them is asked about at a time. */
function refuseHost(run: Run, name: HostCommand['host']): string | null {
  if (run.hops.length === 0) return 'it has not read its hosts yet';
  if (run.hop.services.isAsked(name)) return null;
  const service = run.hop.services.all().find((standing) => standing.name.toString() === name);
  if (service !== undefined && !run.hop.hosts.has(name)) {
    return `service ${name} is ${service.state}; only one that failed and waits for an answer can be retried or skipped`;
  }
  const host = run.hop.hosts.get(name);
  if (host === undefined)
    return `${name} is not in this upgrade; its hosts: ${[...run.hop.hosts.keys()].slice(0, MAX_NAMED).join(', ')}`;
  return run.wishes.open.has(name)
    ? null
    : `${name} is ${host.state}; only a host that failed and waits for an answer can be retried or skipped`;
}
