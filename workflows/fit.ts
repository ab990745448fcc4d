import type { HostOutcome } from '../model/host.ts';
import type { DownloadWaveResult } from './wave-input.ts';

/** Room for error texts in the result of one wave; characters. With MAX_WAVE_HOSTS hosts it stays under 16 kB. */
const ERRORS_LENGTH = 5_000;

/** The outcomes of a wave, with errors short enough that they fit into one payload together. */
export function fitOutcomes(outcomes: readonly HostOutcome[]): readonly HostOutcome[] {
  const share = shareOf(outcomes.filter(({ error }) => error !== null).length);
  return outcomes.map((outcome) => ({ ...outcome, error: outcome.error?.slice(0, share) ?? null }));
}

export function fitFailures(failed: DownloadWaveResult['failed']): DownloadWaveResult['failed'] {
  const share = shareOf(failed.length);
  return failed.map((failure) => ({ ...failure, message: failure.message.slice(0, share) }));
}

const shareOf = (count: number): number => Math.floor(ERRORS_LENGTH / Math.max(1, count));
