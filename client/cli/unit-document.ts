import type { UnitProgress, UnitStepProgress } from '../../model/unit-upgrade.ts';
import { iso, waitDocument } from './progress-document.ts';

/** A unit's upgrade as programs read it: the model's fields, every time as ISO 8601. */
export const unitDocument = (progress: UnitProgress): object => ({
  ...progress,
  steps: progress.steps.map(stepDocument),
  keptUntil: iso(progress.keptUntil),
  waiting: progress.waiting.map(waitDocument),
  decisions: progress.decisions.map((decision) => ({ ...decision, at: iso(decision.at) })),
  startedAt: iso(progress.startedAt),
  finishedAt: iso(progress.finishedAt),
});

const stepDocument = (step: UnitStepProgress): object => ({
  ...step,
  startedAt: iso(step.startedAt),
  finishedAt: iso(step.finishedAt),
});
