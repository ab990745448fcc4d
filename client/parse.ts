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

/** Whether a failure's detail is the progress that an upgrade ended with: written by this project's own workflow. */
export function isProgress(value: unknown): value is Progress {
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
