import type { UnitId } from '../../model/ids.ts';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import { Unreachable } from '../unreachable.ts';
import type { Units, UnitStart } from '../units.ts';
import { exitCodes, fail } from './exit.ts';
import { isKeeping } from './unit-verdict.ts';

/** One that is at work already ends the command, which says what it is at. */
export async function acceptedUnit(
  units: Pick<Units, 'latest' | 'look'>,
  unit: UnitId,
  started: UnitStart,
): Promise<Extract<UnitStart, { readonly outcome: 'started' }>> {
  if (started.outcome === 'started') return started;
  return fail(exitCodes.wrongInput, busyMessage(unit, started, await progressAtWork(units, unit)));
}

/** `progress` null: no worker tells how far it is. */
export function busyMessage(
  unit: UnitId,
  { id, release }: { readonly id: string; readonly release: string },
  progress: Pick<UnitProgress, 'id' | 'state' | 'step' | 'standby' | 'keptUntil'> | null,
): string {
  const head = `unit ${unit} has an upgrade at work already: ${id} to ${release}`;
  if (progress === null || progress.id !== id || !isKeeping(progress)) {
    return `${head}; watch it with: refit unit watch ${unit}`;
  }
  const until = progress.keptUntil === null ? '' : ` until ${new Date(progress.keptUntil).toISOString()}`;
  return `${head}; it keeps slot ${progress.standby ?? 'unknown'} for a way back${until}; remove that slot, and end it, with: refit unit delete-standby ${unit}`;
}

async function progressAtWork(units: Pick<Units, 'latest' | 'look'>, unit: UnitId): Promise<UnitProgress | null> {
  try {
    const latest = await units.latest(unit);
    const look = latest === null ? null : await units.look(latest.run);
    return look !== null && 'progress' in look ? look.progress : null;
  } catch (error) {
    // That it is at work is known without a worker; only how far it is isn't.
    if (error instanceof Unreachable) return null;
    throw error;
  }
}
