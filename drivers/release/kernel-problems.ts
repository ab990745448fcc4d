import { bootStepId, confirmStepId, isName, MAX_KERNEL_ID_LENGTH, parseStepId } from '../../model/ids.ts';
import { itemPaths, valueAt, type FieldPath, type Problem } from '../yaml-document.ts';
import type { Manifest } from './manifest-schema.ts';

const seconds = (ms: number): string => `${Math.round(ms / 1_000)}s`;

/** What is wrong with a release's kernel step beside its own fields. `manifest` null: its fields are wrong already. */
export function kernelProblems(value: unknown, manifest: Manifest | null): readonly Problem[] {
  const steps = itemPaths(value, ['host', 'steps']);
  const kernels = steps.filter((path) => valueAt(value, [...path, 'type']) === 'kernel');
  return [
    ...kernels.slice(1).map((path) => ({ path, message: 'a host starts one kernel; a release has one kernel step' })),
    ...kernels.flatMap((path) => takenIds(value, { path, steps })),
    ...(manifest === null ? [] : deadlineProblems(manifest)),
  ];
}

/** A kernel is started and confirmed by steps of its own. */
function takenIds(
  value: unknown,
  { path, steps }: { path: FieldPath; steps: readonly FieldPath[] },
): readonly Problem[] {
  const id = valueAt(value, [...path, 'id']);
  if (typeof id !== 'string' || !isName(id)) return [];
  if (id.length > MAX_KERNEL_ID_LENGTH) {
    const message = `expected at most ${MAX_KERNEL_ID_LENGTH} characters, since a kernel step brings two more of its name, got ${id.length}`;
    return [{ path: [...path, 'id'], message }];
  }
  const own: readonly string[] = [bootStepId(parseStepId(id)), confirmStepId(parseStepId(id))];
  return steps.flatMap((step) => {
    const other = valueAt(value, [...step, 'id']);
    if (typeof other !== 'string' || !own.includes(other)) return [];
    return [{ path: [...step, 'id'], message: `"${other}" is what the kernel step ${id} calls a step of its own` }];
  });
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
