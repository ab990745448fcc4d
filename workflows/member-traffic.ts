import type { SteerMemberInput } from '../activities/member-activities.ts';
import { memberName } from '../model/service.ts';
import { attempt, type MemberEnd } from './member-attempt.ts';
import { onHost } from './proxies.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Whether requests come to it through a load balancer: nobody stopped it, and nobody else took it out. */
export const isSteered = ({ found }: MemberRun): boolean => found.running && found.server?.state === 'ready';

/** Takes a member out at the load balancer, and waits until it has nothing to do any more. Someone else's drain stays. */
export async function drain(run: ServiceRun, member: MemberRun): Promise<MemberEnd> {
  if (!isSteered(member)) return { end: 'done' };
  const { drainMs } = run.input.policy;
  member.isDrained = true;
  run.stage(member, 'draining');
  return attempt(run, member, async () => {
    await steer(run, member, { to: 'drain', waitMs: drainMs });
    return { end: 'done' };
  });
}

/** Puts a member back that this run took out. asBefore: the balancer does not find it healthy. */
export async function admit(run: ServiceRun, member: MemberRun): Promise<MemberEnd> {
  if (!member.isDrained) return { end: 'done' };
  const { deadlineMs } = run.input.policy.health;
  run.stage(member, 'admitting');
  return attempt(run, member, async () => {
    const { healthy } = await steer(run, member, { to: 'ready', waitMs: deadlineMs });
    member.isDrained = false;
    if (healthy) return { end: 'done' };
    const { loadBalancer = 'its load balancer' } = run.input.service.balancer ?? {};
    return { end: 'asBefore', reason: `${loadBalancer} did not find it healthy within ${deadlineMs} ms` };
  });
}

const waits = {
  drain: (name: string) => `${name} to finish its requests`,
  ready: (name: string) => `${name} to be healthy at the load balancer`,
} as const;

async function steer(
  run: ServiceRun,
  member: MemberRun,
  { to, waitMs }: { readonly to: 'drain' | 'ready'; readonly waitMs: number },
): ReturnType<typeof onHost.steerMember.executeWithOptions> {
  const name = memberName(member.found);
  const wait = { what: waits[to](name), host: member.found.host, until: Date.now() + waitMs };
  const summary = `${to} ${name}`;
  const input = steering(run, member);
  return run.during({ ...wait, movedOnBy: `${input.loadBalancer}, or its time` }, async () =>
    onHost.steerMember.executeWithOptions({ summary }, [{ ...input, to, waitMs }]),
  );
}

/** Which server of which load balancer the member is. */
export function steering(run: ServiceRun, { found }: MemberRun): Omit<SteerMemberInput, 'to' | 'waitMs'> {
  const { fleet, upgrade, service } = run.input;
  const { host, container } = found;
  const { loadBalancer = '', backend = '' } = service.balancer ?? {};
  return { fleet, upgrade, host, container, loadBalancer, backend, server: found.server?.name ?? '' };
}
