import { activityInfo, heartbeat } from '@temporalio/activity';
import type { HostId } from '../model/ids.ts';
import type { MemberHeartbeat } from '../model/member-heartbeat.ts';

export type MemberBeat = { -readonly [Field in keyof MemberHeartbeat]: MemberHeartbeat[Field] };

type Begun = {
  readonly host: HostId;
  readonly container: string | null;
  readonly stage: MemberHeartbeat['stage'];
};

/** The heartbeat of this activity: what must outlive an attempt is taken over from the one before. */
export function startBeat({ host, container, stage }: Begun): MemberBeat {
  const earlier = readEarlier(activityInfo().heartbeatDetails);
  return { host, container, stage, bytes: null, totalBytes: null, sessions: null, ...earlier };
}

/** Told at once, and not only at the next beat. */
export function change(beat: MemberBeat, changes: Partial<MemberHeartbeat>): void {
  heartbeat({ ...Object.assign(beat, changes) });
}

/** Field by field: a worker of another version may have said it. */
function readEarlier(details: unknown): { readonly failed: string | null; readonly since: number | null } {
  if (typeof details !== 'object' || details === null) return { failed: null, since: null };
  const failed = 'failed' in details && typeof details.failed === 'string' ? details.failed : null;
  const since = 'since' in details && typeof details.since === 'number' ? details.since : null;
  return { failed, since };
}
