import type { ContainerProgress } from '../model/container-upgrade.ts';
import type { MemberHeartbeat } from '../model/member-heartbeat.ts';
import type { MemberProgress, ServiceProgress } from '../model/service.ts';
import { parseBeats } from './beats.ts';

export const parseMemberBeats = (texts: readonly string[]): readonly MemberHeartbeat[] => parseBeats(texts, isBeat);

/** The step at work is what its activity heartbeats. Pure. */
export function withContainerBeat(progress: ContainerProgress, beats: readonly MemberHeartbeat[]): ContainerProgress {
  const beat = beats.find(({ host }) => host === progress.host);
  return beat === undefined || progress.stage === null ? progress : { ...progress, stage: beatText(beat) };
}

/** The same for each member; a pull is for all of a host's. Pure. */
export function withServiceBeats(progress: ServiceProgress, beats: readonly MemberHeartbeat[]): ServiceProgress {
  const beatOf = ({ host, container }: MemberProgress): MemberHeartbeat | undefined =>
    beats.find((beat) => beat.host === host && (beat.container ?? container) === container);
  const members = progress.members.map((member) => {
    const beat = beatOf(member);
    return beat === undefined ? member : { ...member, stage: beatText(beat) };
  });
  return { ...progress, members };
}

/** `pulling 40%`, `draining, 3 at work`, `checking`, `puttingBack after: it exited with 1`. */
export function beatText({ stage, bytes, totalBytes, sessions, failed }: MemberHeartbeat): string {
  if (failed !== null) return `${stage} after: ${failed}`;
  if (bytes !== null && totalBytes !== null && totalBytes > 0) {
    return `${stage} ${Math.min(100, Math.floor((100 * bytes) / totalBytes))}%`;
  }
  return sessions === null || sessions === 0 ? stage : `${stage}, ${sessions} at work`;
}

function isBeat(value: unknown): value is MemberHeartbeat {
  if (typeof value !== 'object' || value === null) return false;
  if (!('host' in value && 'container' in value && 'stage' in value && 'failed' in value)) return false;
  return typeof value.host === 'string' && typeof value.stage === 'string';
}
