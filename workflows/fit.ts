import type { HostOutcome } from '../model/host.ts';
import { lastLines } from '../model/unit-upgrade.ts';
import type { TrafficResult } from './wave-input.ts';

/** Room for error texts in the result of one wave; characters. With MAX_WAVE_HOSTS hosts it stays under 16 kB. */
const ERRORS_LENGTH = 5_000;

/** The whole result of one wave; characters. A payload of Temporal's stays under 16 kB. */
const RESULT_LENGTH = 15_000;

/** The outcomes of a wave, with errors short enough that they fit into one payload together. */
export function fitOutcomes(outcomes: readonly HostOutcome[]): readonly HostOutcome[] {
  const share = shareOf(outcomes.filter(({ error }) => error !== null).length);
  return outcomes.map((outcome) => ({ ...outcome, error: outcome.error?.slice(0, share) ?? null }));
}

export function fitMessages<Failure extends { readonly message: string }>(
  failed: readonly Failure[],
): readonly Failure[] {
  const share = shareOf(failed.length);
  return failed.map((failure) => ({ ...failure, message: failure.message.slice(0, share) }));
}

/** What is left drained first: whoever tries the host again puts it back. */
export function fitTraffic(outcomes: readonly HostOutcome[], { leftDrained, findings }: TrafficResult): TrafficResult {
  let room = RESULT_LENGTH - JSON.stringify(outcomes).length;
  const hasRoom = (item: object): boolean => (room -= JSON.stringify(item).length + 1) >= 0;
  return { leftDrained: leftDrained.filter(hasRoom), findings: findings.filter(hasRoom) };
}

/** Records with the ends of their outputs, so many characters together; those of what failed come first. */
export function fitOutputs<Kept extends { readonly state: string; readonly output: string }>(
  records: readonly Kept[],
  length: number,
): readonly Kept[] {
  let room = length;
  const outputs = new Map<Kept, string>();
  for (const record of [...records].sort((a, b) => Number(b.state === 'failed') - Number(a.state === 'failed'))) {
    const output = lastLines(record.output, Math.max(0, room));
    room -= output.length;
    outputs.set(record, output);
  }
  return records.map((record) => ({ ...record, output: outputs.get(record) ?? record.output }));
}

const shareOf = (count: number): number => Math.floor(ERRORS_LENGTH / Math.max(1, count));
