import { cutPages, PAGE_LENGTH } from '../model/pages.ts';
import { MAX_ORDERED } from '../model/service.ts';
import { goBack } from './member-back.ts';
import type { MemberEnd } from './member-attempt.ts';
import { orderMembers } from './member-orders.ts';
import { replace } from './member-replace.ts';
import { admit, drain } from './member-traffic.ts';
import { tell } from './service-tell.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';
import { sideBySide } from './side-by-side.ts';

export type Way = 'there' | 'back';

/** Takes these members to the new container, or back, at the same time: out of traffic, changed, healthy, in again. */
export async function changeMembers(run: ServiceRun, members: readonly MemberRun[], way: Way): Promise<void> {
  run.begin(members);
  await tell(run, members);
  await sideBySide(lanes(run, members), async (lane) => {
    for (const group of lane) await changeGroup(run, group, way);
  });
  await tell(run, members);
}

type Group = readonly MemberRun[];

/**
 * Members that are changed by one step: those of one host, where its agent does it; else each by itself. A host's orders
 * come one after another.
 */
function lanes(run: ServiceRun, members: readonly MemberRun[]): readonly (readonly Group[])[] {
  if (run.input.policy.mode !== 'agent') return members.map((member) => [[member]]);
  const byHost = new Map<string, MemberRun[]>();
  for (const member of members) byHost.set(member.found.host, [...(byHost.get(member.found.host) ?? []), member]);
  return [...byHost.values()].map((ofHost) =>
    cutPages(
      ofHost.map(({ found }) => found),
      { length: PAGE_LENGTH, items: MAX_ORDERED },
    ).map((page) => page.map((found) => run.member(found))),
  );
}

async function changeGroup(run: ServiceRun, group: readonly MemberRun[], way: Way): Promise<void> {
  const drained = await Promise.all(group.map(async (member) => ({ member, end: await drain(run, member) })));
  for (const { member, end } of drained) if (end.end !== 'done') await conclude(run, member, { way, end });
  const ready = drained.flatMap(({ member, end }) => (end.end === 'done' ? [member] : []));
  const ends = await change(run, ready, way);
  await Promise.all(ends.map(async ({ member, end }) => conclude(run, member, { way, end })));
}

type Changed = readonly { readonly member: MemberRun; readonly end: MemberEnd }[];

async function change(run: ServiceRun, members: readonly MemberRun[], way: Way): Promise<Changed> {
  if (run.input.policy.mode === 'agent') {
    const end = await orderMembers(run, members, way === 'there' ? 'service' : 'revert');
    return members.map((member) => ({ member, end }));
  }
  const one = async (member: MemberRun): Promise<MemberEnd> =>
    way === 'there' ? replace(run, member, { until: 'healthy', onFailure: 'putBack' }) : goBack(run, member, 'running');
  return Promise.all(members.map(async (member) => ({ member, end: await one(member) })));
}

/** A member takes requests again only when something healthy, or what was there before, runs in its place. */
async function conclude(
  run: ServiceRun,
  member: MemberRun,
  { way, end }: { readonly way: Way; readonly end: MemberEnd },
): Promise<void> {
  if (end.end === 'stopped' || end.end === 'stuck') {
    run.settle(member, 'Failed', end.end === 'stuck' ? end.reason : 'it was left stopped');
    return;
  }
  const admitted = await admit(run, member);
  if (end.end === 'asBefore') run.settle(member, 'Failed', end.reason);
  else if (way === 'back') run.settle(member, 'RolledBack', reasonOf(admitted) ?? member.error);
  else if (admitted.end === 'done') run.settle(member, 'Active', null);
  else await undo(run, member, reasonOf(admitted) ?? 'it takes no requests');
}

/** Healthy by its own word, and not at the load balancer: it goes back at once. */
async function undo(run: ServiceRun, member: MemberRun, reason: string): Promise<void> {
  if (member.isChanged) {
    const drained = await drain(run, member);
    const [back] = drained.end === 'done' ? await change(run, [member], 'back') : [];
    if (back?.end.end === 'done') await admit(run, member);
  }
  run.settle(member, 'Failed', reason);
}

const reasonOf = (end: MemberEnd): string | null => ('reason' in end ? end.reason : null);
