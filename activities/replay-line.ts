import type { ReplayFault } from '../model/upgrader.ts';
import { MAX_REPLAY_FAULTS, type ReplayResult } from './self-upgrade-activities.ts';

/** Longest message of one fault; characters. MAX_REPLAY_FAULTS of them fit into an activity's answer. */
const MAX_MESSAGE_LENGTH = 800;

/** The line in which a successor's replay says how it ended; null: another line. */
export function parseReplayLine(text: string): ReplayResult | null {
  const fields = parseObject(text);
  if (fields === null) return null;
  const { outcome, runs, corpus, faults, more, message } = fields;
  if (outcome === 'replayed' && typeof runs === 'number' && typeof corpus === 'number') {
    return { outcome, runs, corpus };
  }
  if (outcome === 'blocked' && Array.isArray(faults)) return blocked(faults, typeof more === 'number' ? more : 0);
  if (outcome === 'failed' && typeof message === 'string') return { outcome, message };
  return null;
}

/** A fault that can't be read is one all the same. */
function blocked(faults: readonly unknown[], more: number): ReplayResult {
  const kept = faults.slice(0, MAX_REPLAY_FAULTS).map(toFault);
  return { outcome: 'blocked', faults: kept, more: more + faults.length - kept.length };
}

function toFault(value: unknown): ReplayFault {
  const fields: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {};
  const { workflowId, runId, event, message } = fields;
  const text = (found: unknown): string => (typeof found === 'string' ? found : 'unknown');
  return {
    workflowId: text(workflowId),
    runId: text(runId),
    event: typeof event === 'number' ? event : null,
    message: text(message).slice(0, MAX_MESSAGE_LENGTH),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : null;
  } catch {
    return null;
  }
}
