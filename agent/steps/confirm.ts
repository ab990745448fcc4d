import { z } from 'zod';
import { endKernelTrial, kernelOnTrial } from '../boot-loader/boot-confirm.ts';
import { needBootLoader } from '../boot-loader/find.ts';
import { becomeHealthy, type HealthWatch } from '../health.ts';
import { hostClock } from '../host-clock.ts';
import type { ConfirmStep } from '../host-work.ts';
import { forgetKernels, outlivedKernels } from '../noted-kernels.ts';
import type { Probes } from '../ports.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';
import { purge, runOf } from './kernel.ts';

const Before = z.object({ defaultKernel: z.string().nullable() });

/**
 * The new kernel runs and the host is healthy on it: from here on it is the one that the host starts, and earlier ones that no way
 * back leads to are removed. They may be outlived only after the release that brought the kernel, so there is more to do then.
 */
export function confirmKind(running: () => string, probes: Probes): StepKind<ConfirmStep> {
  const isConfirmed = (step: ConfirmStep, site: StepSite): boolean =>
    running() === step.kernel &&
    needBootLoader(site.places).defaultKernel() === step.kernel &&
    kernelOnTrial(site.places) === null &&
    outlivedKernels(site.places, step.kernel).length === 0;
  return {
    check: (step, site) => Promise.resolve(isConfirmed(step, site)),
    capture: (_step, site) => Promise.resolve({ defaultKernel: needBootLoader(site.places).defaultKernel() }),
    apply: async (step, site) => {
      if (running() !== step.kernel) throw new Error(fellBack(step, running()));
      await needHealthy(step, probes, site.signal);
      // Before it is the default: whose time is over goes back, and must not be told to be the one.
      if (!endKernelTrial(site.places)) throw new Error(tooLate(step));
      await needBootLoader(site.places).setDefault(step.kernel, runOf(site));
      await removeOutlived(step, site);
    },
    verify: (step, site) => {
      const found = needBootLoader(site.places).defaultKernel();
      const problem = found === step.kernel ? null : `kernel ${found ?? 'unknown'} is the default`;
      const left = outlivedKernels(site.places, step.kernel);
      const measured = left.map((one) => [`package:${one.package}`, 'could not be removed'] as const);
      return Promise.resolve({ problem, measured: Object.fromEntries(measured) });
    },
    undo: async (_step, site) => {
      const { defaultKernel } = Before.parse(site.before);
      const loader = needBootLoader(site.places);
      if (defaultKernel !== null && defaultKernel !== loader.defaultKernel()) {
        await loader.setDefault(defaultKernel, runOf(site));
      }
    },
    settle: nothingToSettle,
    probe: () => Promise.resolve({ ok: true, evidence: 'whether a kernel is healthy is seen once it runs' }),
  };
}

/** One that stays is no reason to take a healthy host back: the next release's step tries again, and `measured` says so. */
async function removeOutlived(step: ConfirmStep, site: StepSite): Promise<void> {
  for (const { package: name, kernel } of outlivedKernels(site.places, step.kernel)) {
    const isRemoved = await purge(name, site).then(
      () => true,
      () => false,
    );
    site.signal.throwIfAborted();
    if (isRemoved) forgetKernels(site.places, (note) => note.kernel === kernel);
  }
}

const fellBack = ({ kernel }: ConfirmStep, running: string): string =>
  `kernel ${running} runs, not ${kernel}: that did not start, or was not confirmed in time, and the host went back by itself; a loss of power counts as that, too`;

const tooLate = ({ kernel }: ConfirmStep): string =>
  `kernel ${kernel} was healthy only after its time to be confirmed, and the host goes back by itself; give it a longer confirmWithin`;

/** Throws when the probes do not hold, all and without a break, within the deadline. */
async function needHealthy({ kernel, health }: ConfirmStep, probes: Probes, signal: AbortSignal): Promise<void> {
  const look: HealthWatch['look'] = (limited) =>
    Promise.all(health.probes.map((probe) => probes.check(probe, limited)));
  // Right after a start the host's clock may be set.
  const clock = { ...hostClock, now: () => performance.now() };
  const problem = await becomeHealthy(health, { clock, look, signal });
  if (problem !== null) throw new Error(`on kernel ${kernel} ${problem}`);
}
