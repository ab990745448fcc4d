import { memberName } from '../model/service.ts';
import { attempt, type MemberEnd } from './member-attempt.ts';
import { containerOf, endOf, replaceContainer } from './member-replace.ts';
import { atEngine, onHost } from './proxies.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** The container that a member had before takes its place again. */
export async function goBack(run: ServiceRun, member: MemberRun, until: 'stopped' | 'running'): Promise<MemberEnd> {
  run.stage(member, until === 'stopped' ? 'stopping' : 'puttingBack');
  const end = await attempt(run, member, async () => {
    if (member.backTo !== null) return replaceBack(run, member, { until, image: member.backTo });
    const outcome = await putBack(run, member, until);
    switch (outcome.outcome) {
      case 'putBack':
        return { end: 'done' };
      case 'stopped':
        return { end: 'stopped' };
      case 'stuck':
        return { end: 'stuck', reason: outcome.reason };
      case 'nothingKept':
        return withNothingKept(run, member, { until, reason: outcome.reason });
    }
  });
  if (end.end === 'done') member.isChanged = false;
  return end;
}

async function putBack(
  run: ServiceRun,
  member: MemberRun,
  until: 'stopped' | 'running',
): ReturnType<typeof onHost.putBackMember.executeWithOptions> {
  const { host } = member.found;
  const name = memberName(member.found);
  const wait = { what: `${name} to go back`, host, movedOnBy: `the engine of ${host}` };
  const summary = until === 'stopped' ? `stop the new ${name}` : `put the earlier ${name} back`;
  return run.during(wait, async () =>
    onHost.putBackMember.executeWithOptions({ summary }, [
      { ...containerOf(run, member), until, ...(member.backId !== null && { to: member.backId }) },
    ]),
  );
}

/** It is somebody else's work by now; or nothing is kept by design, and its earlier image is the way. */
async function withNothingKept(
  run: ServiceRun,
  member: MemberRun,
  { until, reason }: { readonly until: 'stopped' | 'running'; readonly reason: string },
): Promise<MemberEnd> {
  const { takeBack, action, policy } = run.input;
  const summary = `whose work is ${memberName(member.found)}?`;
  const reading = await atEngine.readContainer.executeWithOptions({ summary }, [containerOf(run, member)]);
  if (reading !== null && reading.upgrade !== takeBack) return { end: 'done' };
  const image = action === 'upgrade' ? member.found.imageId : (reading?.previousImageId ?? null);
  if (policy.mode !== 'create' || image === null) return { end: 'stuck', reason };
  member.backTo = image;
  return replaceBack(run, member, { until, image });
}

/** A new container from the image that the member had. What was laid over it stays: only the image is remembered. */
async function replaceBack(
  run: ServiceRun,
  member: MemberRun,
  { until, image }: { readonly until: 'stopped' | 'running'; readonly image: string },
): Promise<MemberEnd> {
  const how = { until: until === 'stopped' ? 'stopped' : 'healthy', onFailure: 'leave' } as const;
  const end = endOf(await replaceContainer(run, member, { ...how, image, settings: {} }));
  // Nothing was kept: what serves now is the new one.
  return end.end === 'asBefore' ? { end: 'stuck', reason: end.reason } : end;
}
