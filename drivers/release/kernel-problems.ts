import { isName, isTrialStepId, MAX_KERNEL_ID_LENGTH, parseStepId } from '../../model/ids.ts';
import { itemPaths, valueAt, type FieldPath, type Problem } from '../yaml-document.ts';
import type { Manifest } from './manifest-schema.ts';

const seconds = (ms: number): string => `${Math.round(ms / 1_000)}s`;

/** What is wrong with a release's kernel step beside its own fields. `manifest` null: its fields are wrong already. */
export function kernelProblems(value: unknown, manifest: Manifest | null): readonly Problem[] {
  const steps = itemPaths(value, ['host', 'steps']);
  const kernels = steps.filter((path) => valueAt(value, [...path, 'type']) === 'kernel');
  return [
    ...kernels.slice(1).map((path) => ({ path, message: 'a host starts one kernel; a release has one kernel step' })),
    ...steps.flatMap((path) => idProblems(value, path)),
    ...(manifest === null ? [] : deadlineProblems(manifest)),
  ];
}

/** A kernel is started and confirmed by steps of its own, which everybody tells from others by their names. */
function idProblems(value: unknown, path: FieldPath): readonly Problem[] {
  const at = [...path, 'id'];
  const id = valueAt(value, at);
  if (typeof id !== 'string' || !isName(id)) return [];
  if (isTrialStepId(parseStepId(id))) {
    return [{ path: at, message: `"${id}" ends like what a kernel step calls a step of its own; choose another id` }];
  }
  if (valueAt(value, [...path, 'type']) !== 'kernel' || id.length <= MAX_KERNEL_ID_LENGTH) return [];
  const message = `expected at most ${MAX_KERNEL_ID_LENGTH} characters, since a kernel step brings two more of its name, got ${id.length}`;
  return [{ path: at, message }];
}

function deadlineProblems({ host }: Manifest): readonly Problem[] {
  const { deadline: healthMs } = host.health;
  return host.steps.flatMap((step) => {
    if (step.type !== 'kernel' || host.deadline > step.timeout + step.confirmWithin + healthMs) return [];
    const parts = `${seconds(step.timeout)} to go down, ${seconds(step.confirmWithin)} until it is confirmed and ${seconds(healthMs)} for the host's health`;
    const message = `expected a deadline longer than the kernel step ${step.id} may take (${parts}), got ${seconds(host.deadline)}`;
    return [{ path: ['host', 'deadline'], message }];
  });
}
