import { assert } from '../model/assert.ts';
import type { HostOutcome } from '../model/host.ts';
import { defaultPolicy } from '../model/policy.ts';
import { attempt, type MemberEnd } from './member-attempt.ts';
import { onHost } from './proxies.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** What an agent needs beyond its members' own deadlines: to see the order, and to report; ms. */
const ORDER_SLACK_MS = 60_000;

/** Members that a wait and a summary name: Temporal takes no long summary. */
const MAX_NAMED = 3;

/** Orders one host's agent to upgrade these members, or to take them back. */
export async function orderMembers(
  run: ServiceRun,
  members: readonly MemberRun[],
  action: 'service' | 'revert',
): Promise<MemberEnd> {
  const [first] = members;
  if (first === undefined) return { end: 'done' };
  for (const member of members) {
    member.isChanged = true;
    run.stage(member, 'ordered');
  }
  const end = await attempt(run, first, async () => endOf(await order(run, members, action)));
  const isAsItWas = action === 'service' ? end.end === 'asBefore' : end.end === 'done';
  if (isAsItWas) for (const member of members) member.isChanged = false;
  return end;
}

async function order(
  run: ServiceRun,
  members: readonly MemberRun[],
  action: 'service' | 'revert',
): Promise<HostOutcome> {
  const { fleet, takeBack, service, release, policy } = run.input;
  const [first] = members;
  assert(first !== undefined && release !== null, 'an order is about members, as a release says');
  const { host } = first.found;
  const containers = members.map(({ found }) => found.container);
  const deadlineMs = policy.health.deadlineMs * containers.length + ORDER_SLACK_MS;
  const more = containers.length > MAX_NAMED ? ` and ${containers.length - MAX_NAMED} more` : '';
  const names = `${containers.slice(0, MAX_NAMED).join(', ')}${more}`;
  const wait = { what: `${host} to report on ${names}`, host, until: Date.now() + deadlineMs };
  const summary = `${action === 'service' ? 'order' : 'take back'} ${names} on ${host}`;
  const input = {
    // An agent takes back what the upgrade of that name did; one that upgrades is the one to take back.
    ...{ fleet, upgrade: takeBack, release: release.release, action, deadlineMs },
    ...{ service: service.name, host, containers },
    ...run.nextOrder(),
    silenceMs: defaultPolicy.silenceMs,
  };
  return run.during({ ...wait, movedOnBy: `the agent on ${host}, or its deadline` }, async () =>
    onHost.orderMembers.executeWithOptions({ summary }, [input]),
  );
}

function endOf({ state, error }: HostOutcome): MemberEnd {
  const reason = error ?? `its agent says ${state}`;
  switch (state) {
    case 'done':
    case 'alreadyThere':
    case 'rolledBack':
      return { end: 'done' };
    // An agent that found its own work unhealthy has reverted it.
    case 'unhealthy':
    case 'reverted':
    case 'skipped':
      return { end: 'asBefore', reason };
    case 'failed':
    case 'lost':
    case 'stuck':
      return { end: 'stuck', reason };
  }
}
