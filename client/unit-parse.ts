import type { UnitProgress } from '../model/unit-upgrade.ts';
import { upgradeTransitions } from '../model/upgrade.ts';

/** Written by this project's own workflow, so that its shape tells enough; null: it is something else. */
export const toUnitProgress = (value: unknown): UnitProgress | null => (isUnit(value) ? value : null);

function isUnit(value: unknown): value is UnitProgress {
  if (!isRecord(value)) return false;
  const { id, unit, state, steps, members, jobs, waiting, findings, decisions } = value;
  const isState = typeof state === 'string' && Object.hasOwn(upgradeTransitions, state);
  const areLists = [steps, members, jobs, waiting, findings, decisions].every((list) => Array.isArray(list));
  return typeof id === 'string' && typeof unit === 'string' && isState && areLists;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
