import type { Command, RunStep } from '../../model/release.ts';
import { lastWords, mustRun, quote, runCommand, type CommandEnd } from '../commands.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';

/** A command of the release's author, with the author's check and undo. Commands find the release in REFIT_RELEASE. */
export const runKind: StepKind<RunStep> = {
  check: async (step, site) => (await run(step, step.check, site)).exitCode === 0,
  capture: () => Promise.resolve({}),
  apply: async (step, site) => {
    await mustRun(step.command, optionsOf(step, site));
  },
  verify: async (step, site) => {
    const end = await run(step, step.check, site);
    const problem = end.exitCode === 0 ? null : `${quote(step.check)} exited with ${end.exitCode}: ${lastWords(end)}`;
    return { problem, measured: { [`run:${step.id}`]: problem === null ? 'there' : 'absent' } };
  },
  undo: async (step, site) => {
    if (step.undo !== null) await mustRun(step.undo, optionsOf(step, site));
  },
  settle: nothingToSettle,
  // `check` says whether the effect is there, not whether it could come about: it is no probe.
  probe: async (step, site) => {
    if (step.probe === null) return { ok: true, evidence: 'the step names no probe' };
    const end = await run(step, step.probe, site);
    return { ok: end.exitCode === 0, evidence: `${quote(step.probe)} exited with ${end.exitCode}: ${lastWords(end)}` };
  },
};

const run = (step: RunStep, command: Command, site: StepSite): Promise<CommandEnd> =>
  runCommand(command, optionsOf(step, site));

const optionsOf = (
  step: RunStep,
  site: StepSite,
): { timeoutMs: number; signal: AbortSignal; env: Record<string, string> } => ({
  timeoutMs: step.timeoutMs,
  signal: site.signal,
  env: { REFIT_RELEASE: site.releaseFolder, REFIT_UPGRADE: site.upgrade, REFIT_STEP: step.id },
});
