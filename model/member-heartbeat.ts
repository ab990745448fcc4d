import type { HostId } from './ids.ts';
import type { ReplacementStage } from './replacement.ts';

/** What an activity that works on one container says in its heartbeat; its next attempt reads it. */
export type MemberHeartbeat = {
  readonly host: HostId;
  readonly container: string | null;
  readonly stage: 'pulling' | 'draining' | 'admitting' | ReplacementStage['stage'];
  /** What the new container failed with: the way back has begun, and the next attempt only goes on with it. */
  readonly failed: string | null;
  readonly bytes: number | null;
  readonly totalBytes: number | null;
  /** Requests that a member which is being drained is still at work on. */
  readonly sessions: number | null;
  /** Since when a member's server has the state that is waited on; ms since the epoch. */
  readonly since: number | null;
};
