import { unitSteps, type UnitHeartbeat, type UnitProgress, type UnitStepProgress } from '../model/unit-upgrade.ts';
import { parseBeats } from './beats.ts';

/** Activities at work on one step that its line names; the others are counted. */
const MAX_NAMED_BEATS = 3;

export const parseUnitBeats = (texts: readonly string[]): readonly UnitHeartbeat[] => parseBeats(texts, isBeat);

/** The step at work is what its activities heartbeat. Pure. */
export function withUnitBeats(progress: UnitProgress, beats: readonly UnitHeartbeat[]): UnitProgress {
  return { ...progress, steps: progress.steps.map((step) => withBeats(step, beats)) };
}

function withBeats(step: UnitStepProgress, beats: readonly UnitHeartbeat[]): UnitStepProgress {
  const said = beats.filter(({ unitStep, detail }) => unitStep === step.name && detail !== '');
  // A heartbeat may be older than the end of its step.
  if (step.state !== 'running' || said.length === 0) return step;
  const details = [...new Set(said.map(({ detail }) => detail))];
  const more = details.length > MAX_NAMED_BEATS ? [`${details.length - MAX_NAMED_BEATS} more`] : [];
  return { ...step, detail: [...details.slice(0, MAX_NAMED_BEATS), ...more].join('; ') };
}

function isBeat(value: unknown): value is UnitHeartbeat {
  if (typeof value !== 'object' || value === null) return false;
  if (!('unitStep' in value && 'detail' in value)) return false;
  return unitSteps.some((step) => step === value.unitStep) && typeof value.detail === 'string';
}
