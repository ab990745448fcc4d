import type { ContainerProgress } from '../../model/container-upgrade.ts';
import type { ServiceProgress } from '../../model/service.ts';
import { iso, waitDocument } from './progress-document.ts';

/** A container's upgrade as programs read it: the model's fields, every time as ISO 8601. */
export const containerDocument = (progress: ContainerProgress): object => ({
  ...progress,
  keptUntil: iso(progress.keptUntil),
  waiting: progress.waiting.map(waitDocument),
  startedAt: iso(progress.startedAt),
  finishedAt: iso(progress.finishedAt),
});

/** The same of a service's. */
export const serviceDocument = (progress: ServiceProgress): object => ({
  ...progress,
  waiting: progress.waiting.map(waitDocument),
  decisions: progress.decisions.map((decision) => ({ ...decision, at: iso(decision.at) })),
  startedAt: iso(progress.startedAt),
  finishedAt: iso(progress.finishedAt),
});
