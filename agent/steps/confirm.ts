import { z } from 'zod';
import { endTrial, kernelOnTrial } from '../boot-loader/boot-confirm.ts';
import { needBootLoader } from '../boot-loader/find.ts';
import type { ConfirmStep } from '../host-work.ts';
import { installedKernels, outlivedKernels, forgetKernel, rememberKernel } from '../installed-kernels.ts';
import type { Probes } from '../ports.ts';
import { pause } from '../../drivers/pause.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';
import { purge, runOf } from './kernel.ts';

/** Pause between two looks at the probes; ms. */
const LOOK_MS = 500;

const Before = z.object({ standard: z.string().nullable() });

/** The new kernel runs and the host is healthy on it: from here on it is the one that the host starts. */
export function confirmKind(running: () => string, probes: Probes): StepKind<ConfirmStep> {
  const isConfirmed = (step: ConfirmStep, site: StepSite): boolean =>
    running() === step.kernel &&
    needBootLoader(site.places).standard() === step.kernel &&
    kernelOnTrial(site.places) === null;
  return {
    check: (step, site) => Promise.resolve(isConfirmed(step, site)),
    capture: (_step, site) => Promise.resolve({ standard: needBootLoader(site.places).standard() }),
    apply: async (step, site) => {
      if (running() !== step.kernel) throw new Error(fellBack(step, running()));
      await becomeHealthy(step, probes, site.signal);
      await needBootLoader(site.places).setStandard(step.kernel, runOf(site));
      rememberKernel(site.places, step);
      endTrial(site.places);
      for (const { package: name, kernel } of outlivedKernels(installedKernels(site.places), running())) {
        await purge(name, site);
        forgetKernel(site.places, kernel);
      }
    },
    verify: (step, site) => {
      const standard = needBootLoader(site.places).standard();
      const problem = standard === step.kernel ? null : `kernel ${standard ?? 'unknown'} is the default`;
      return Promise.resolve({ problem, measured: {} });
    },
    undo: async (_step, site) => {
      const { standard } = Before.parse(site.before);
      const loader = needBootLoader(site.places);
      if (standard !== null && standard !== loader.standard()) await loader.setStandard(standard, runOf(site));
    },
    settle: nothingToSettle,
    probe: () => Promise.resolve({ ok: true, evidence: 'whether a kernel is healthy is seen once it runs' }),
  };
}

const fellBack = ({ kernel }: ConfirmStep, running: string): string =>
  `kernel ${running} runs, not ${kernel}: that did not start, or was not confirmed in time, and the host went back by itself; a loss of power counts as that, too`;

/** Throws when the probes do not hold, all and without a break, within the deadline. */
async function becomeHealthy({ kernel, health }: ConfirmStep, probes: Probes, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  let healthySince: number | null = null;
  for (;;) {
    const problems = await Promise.all(health.probes.map((probe) => probes.check(probe, signal)));
    signal.throwIfAborted();
    const problem = problems.find((one) => one !== null) ?? null;
    const now = performance.now();
    healthySince = problem === null ? (healthySince ?? now) : null;
    if (healthySince !== null && now - healthySince >= health.minHealthyTimeMs) return;
    if (now - startedAt >= health.deadlineMs) {
      const seconds = Math.round(health.deadlineMs / 1_000);
      throw new Error(`not healthy on kernel ${kernel} within ${seconds} s: ${problem ?? 'not without a break'}`);
    }
    await pause(LOOK_MS, signal);
  }
}
