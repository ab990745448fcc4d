import type { HostSteps } from '../../../agent/ports.ts';
import type { SimKernel } from './sim-kernel.ts';

/** Takes time, in which the host may lose its agent or its power. */
type Take = (what: string, ms?: number) => Promise<void>;
/** Most time of one change to what a host starts; virtual ms. */
const CHANGE_MS = 60;

/** The steps of a host, with those of a kernel on the host's own. `isStuckOn`: a way back that goes on while the new one runs. */
export function withKernel(
  steps: HostSteps,
  { kernel, take, isStuckOn }: { readonly kernel: SimKernel; readonly take: Take; readonly isStuckOn: boolean },
): HostSteps {
  const change = (what: string): Promise<void> => take(what, CHANGE_MS);
  return {
    ...steps,
    check: async (step, place) => {
      if (step.type !== 'kernel' && step.type !== 'confirm') return steps.check(step, place);
      await take(`check ${step.id}`, 5);
      return step.type === 'kernel' ? kernel.isInstalled : kernel.isConfirmed;
    },
    capture: async (step, place) =>
      step.type === 'kernel' ? { was: kernel.running } : await steps.capture(step, place),
    apply: async (step, place) => {
      if (step.type === 'kernel') return kernel.install(step.confirmWithinMs, change);
      if (step.type === 'confirm') return kernel.confirm(change);
      return steps.apply(step, place);
    },
    verify: async (step, place) =>
      step.type === 'kernel' || step.type === 'confirm'
        ? { problem: kernel.isConfirmed ? null : 'another kernel', measured: {} }
        : await steps.verify(step, place),
    undo: async (step, place) => {
      if (step.type !== 'kernel' && step.type !== 'confirm') return steps.undo(step, place);
      await take(`undo ${step.id}`);
      if (step.type === 'kernel') await kernel.undo(change);
    },
    settle: async (step, place) => {
      await steps.settle(step, place);
      if (step.type === 'kernel') await kernel.remove(change);
    },
    needsRestart: ({ type }, { before }) =>
      Promise.resolve(!isStuckOn && type === 'kernel' && (before as { was: string }).was !== kernel.running),
  };
}
