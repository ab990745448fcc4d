import type { ContainerInput } from '../activities/member-activities.ts';
import { assert } from '../model/assert.ts';
import type { ContainerSettings, ReplacementOutcome } from '../model/replacement.ts';
import { memberName } from '../model/service.ts';
import { attempt, type MemberEnd } from './member-attempt.ts';
import { onHost } from './proxies.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

export type Replace = { readonly until: 'stopped' | 'healthy'; readonly onFailure: 'putBack' | 'leave' };

/** Puts the new container in a member's place. */
export async function replace(run: ServiceRun, member: MemberRun, how: Replace): Promise<MemberEnd> {
  const wasChanged = member.isChanged;
  run.stage(member, how.until === 'stopped' ? 'stopping' : 'replacing');
  member.isChanged = true;
  return attempt(run, member, async () => {
    const { reference: image, settings } = run.input;
    const outcome = await replaceContainer(run, member, { ...how, image, settings });
    // An attempt whose answer was lost may have put it there.
    if (outcome.outcome === 'alreadyThere') member.isChanged = wasChanged || outcome.id !== member.found.id;
    if (outcome.outcome === 'refused') member.isChanged = wasChanged;
    if (outcome.outcome === 'putBack') member.isChanged = false;
    if (outcome.outcome === 'replaced') member.awayMs = outcome.awayMs;
    return endOf(outcome);
  });
}

/** The member's container from another image than it has. */
export async function replaceContainer(
  run: ServiceRun,
  member: MemberRun,
  how: Replace & { readonly image: string; readonly settings: ContainerSettings },
): Promise<ReplacementOutcome> {
  const { health, mode } = run.input.policy;
  assert(mode !== 'agent', 'agents replace their members themselves');
  const { host } = member.found;
  const name = memberName(member.found);
  const what = how.until === 'stopped' ? `${name} to stop` : `the new ${name} to be healthy`;
  const wait = {
    what,
    host,
    until: Date.now() + health.deadlineMs,
    movedOnBy: `the engine of ${host}, or the deadline`,
  };
  const summary = `${how.until === 'stopped' ? 'stop and replace' : 'replace'} ${name}`;
  const input = { ...containerOf(run, member), ...how, envFile: null, health, mode, keepOld: mode === 'inPlace' };
  return run.during(wait, async () => onHost.replaceMember.executeWithOptions({ summary }, [input]));
}

export function endOf(outcome: ReplacementOutcome): MemberEnd {
  switch (outcome.outcome) {
    case 'alreadyThere':
    case 'replaced':
      return { end: 'done' };
    case 'stopped':
      return { end: 'stopped' };
    case 'putBack':
    case 'refused':
      return { end: 'asBefore', reason: outcome.reason };
    case 'failed':
    case 'stuck':
      return { end: 'stuck', reason: outcome.reason };
  }
}

export function containerOf({ input: { fleet, upgrade } }: ServiceRun, { found }: MemberRun): ContainerInput {
  const { host, container } = found;
  return { fleet, upgrade, host, container };
}
