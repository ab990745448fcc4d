import { upgradeTransitions, type HostHeartbeat, type Progress } from '../model/upgrade.ts';

/** A heartbeat of an activity that works on a host; null for one of any other activity. */
export function parseHeartbeat(text: string): HostHeartbeat | null {
  try {
    const value: unknown = JSON.parse(text);
    return isHeartbeat(value) ? value : null;
  } catch {
    // Heartbeats of other activities need not be JSON.
    return null;
  }
}

/** The progress that an upgrade ended with, from its result or its failure's details; null: it is something else. */
export function toProgress(value: unknown): Progress | null {
  return isRecordedProgress(value) ? completeProgress(value) : null;
}

/** What upgrades say since releases have services, and since they have paths. */
const later = { services: [], hops: [], migrations: [], checkpoints: [], forwardOnly: null } as const;

/** As an earlier version of refit recorded it, or as a run that it still works on says it. */
export type RecordedProgress = Omit<Progress, keyof typeof later> & Partial<Pick<Progress, keyof typeof later>>;

export const completeProgress = (recorded: RecordedProgress): Progress => ({ ...later, ...recorded });

/** Written by this project's own workflow, so that its shape tells enough. */
function isRecordedProgress(value: unknown): value is RecordedProgress {
  if (!isRecord(value)) return false;
  const { id, state, hosts, waiting, findings, decisions } = value;
  return (
    typeof id === 'string' &&
    typeof state === 'string' &&
    Object.hasOwn(upgradeTransitions, state) &&
    [hosts, waiting, findings, decisions].every((list) => Array.isArray(list))
  );
}

function isHeartbeat(value: unknown): value is HostHeartbeat {
  if (!isRecord(value)) return false;
  const { host, phase, step } = value;
  return typeof host === 'string' && isTextOrNull(phase) && isTextOrNull(step);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string';
