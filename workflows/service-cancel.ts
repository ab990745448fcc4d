import { CancellationScope } from '@temporalio/workflow';
import { containerOf } from './member-replace.ts';
import { steering } from './member-traffic.ts';
import { soon } from './proxies.ts';
import { bestEffort, tell } from './service-tell.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';
import { sideBySide } from './side-by-side.ts';

/** After a cancel in Temporal: members that were at work go back, and what was taken out of traffic is put in again. */
export async function leaveServing(run: ServiceRun): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    const atWork = run.all().filter(({ state }) => state === 'Updating');
    await sideBySide(run.all(), async (member) => leaveMember(run, member));
    for (const member of atWork) run.settle(member, 'Failed', 'cancelled in Temporal while it was at work');
    await tell(run, atWork);
  });
}

async function leaveMember(run: ServiceRun, member: MemberRun): Promise<void> {
  const { container, host } = member.found;
  const isAtWork = member.state === 'Updating' && member.isChanged && run.input.policy.mode !== 'agent';
  if (isAtWork) {
    const what = `put the earlier ${container} on ${host} back`;
    await bestEffort(run, what, async () =>
      soon.putBackMember.executeWithOptions({ summary: what }, [
        { ...containerOf(run, member), until: 'running', to: member.found.id },
      ]),
    );
  }
  if (!member.isDrained || member.state === 'Failed') return;
  const what = `put ${container} on ${host} back into traffic`;
  await bestEffort(run, what, async () =>
    soon.steerMember.executeWithOptions({ summary: what }, [{ ...steering(run, member), to: 'ready', waitMs: 0 }]),
  );
}
