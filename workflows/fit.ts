import type { HostOutcome } from '../model/host.ts';
import type { DownloadWaveResult, TrafficResult } from './wave-input.ts';

/** Room for error texts in the result of one wave; characters. With MAX_WAVE_HOSTS hosts it stays under 16 kB. */
const ERRORS_LENGTH = 5_000;

/** The whole result of one wave; characters. A payload of Temporal's stays under 16 kB. */
const RESULT_LENGTH = 15_000;

/** The outcomes of a wave, with errors short enough that they fit into one payload together. */
export function fitOutcomes(outcomes: readonly HostOutcome[]): readonly HostOutcome[] {
  const share = shareOf(outcomes.filter(({ error }) => error !== null).length);
  return outcomes.map((outcome) => ({ ...outcome, error: outcome.error?.slice(0, share) ?? null }));
}

export function fitFailures(failed: DownloadWaveResult['failed']): DownloadWaveResult['failed'] {
  const share = shareOf(failed.length);
  return failed.map((failure) => ({ ...failure, message: failure.message.slice(0, share) }));
}

/** What is left drained first: whoever tries the host again puts it back. */
export function fitTraffic(outcomes: readonly HostOutcome[], { leftDrained, findings }: TrafficResult): TrafficResult {
  let room = RESULT_LENGTH - JSON.stringify(outcomes).length;
  const hasRoom = (item: object): boolean => (room -= JSON.stringify(item).length + 1) >= 0;
  return { leftDrained: leftDrained.filter(hasRoom), findings: findings.filter(hasRoom) };
}

const shareOf = (count: number): number => Math.floor(ERRORS_LENGTH / Math.max(1, count));
