import { cancellationSignal } from '@temporalio/activity';
import type { HostId } from '../model/ids.ts';
import type { UnitHeartbeat, UnitStep } from '../model/unit-upgrade.ts';
import { whileBeating } from './beating.ts';

export type Beat = { readonly unitStep: UnitStep; readonly host: HostId | null; readonly what: string };

/** Says meanwhile what it is at, for the live view. */
export async function beatOn<Result>(
  { unitStep, host, what }: Beat,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const signal = cancellationSignal();
  const beat: UnitHeartbeat = { unitStep, detail: host === null ? what : `${what} on ${host}` };
  return whileBeating(
    () => beat,
    async () => work(signal),
  );
}
