import type { ReportError } from '../../model/bus.ts';
import type { RebootStep } from '../../model/release.ts';
import { isRestart, type HostStep } from '../host-work.ts';
import type { AgentContext } from './context.ts';
import { publishAfterReport, reboot, stepRun, type StepRun } from './install.ts';
import { awaitOwn } from './quorum-wait.ts';
import { appendOrNote } from './record-anyway.ts';
import type { JournalBody } from './records.ts';
import type { StepState, Work } from './state.ts';

/** Pause after an undo that failed, before it is tried again; ms. */
const UNDO_RETRY_MS = 500;

/** Restarts of one way back: a loss of power may take one, a boot loader that does not do as it was told takes all. */
const MAX_RESTARTS_BACK = 5;

/** Pause before the record of the end is written again; ms. */
const RECORD_RETRY_MS = 1_000;

/** Undoes one step; idempotent, so a kill in the middle means that it is undone again. */
export async function undoStep(context: AgentContext, run: StepRun): Promise<void> {
  const { step, place } = stepRun(context, run);
  const { index } = run;
  appendOrNote(context, { type: 'undoStarted', index });
  await orFail(context, { ...run, step }, async () => {
    // A restart has nothing to undo; the one that makes the undone effective is the settling's.
    if (!isRestart(step)) await context.ports.steps.undo(step, place);
    appendOrNote(context, { type: 'undoFinished', index });
  });
}

/** Brings back what ran before, once everything is undone. */
export async function settleStep(context: AgentContext, run: StepRun): Promise<void> {
  const { step, state, place } = stepRun(context, run);
  const settled = { type: 'settled', index: run.index } as const;
  await orFail(context, { ...run, step }, async () => {
    if (step.type === 'reboot') return settleReboot(context, { ...run, step, state });
    // A kernel step restarts the host itself, if it has to.
    if (step.type === 'boot') {
      appendOrNote(context, settled);
      return;
    }
    if (step.type === 'kernel' && (await context.ports.steps.needsRestart(step, place))) {
      return restartBack(context, { ...run, timeoutMs: step.timeoutMs, state });
    }
    await context.ports.steps.settle(step, place);
    // Settling twice is settling once: only a unit's start, and a kernel's removal, are worth a record.
    if (step.type === 'unit' || step.type === 'kernel') appendOrNote(context, settled);
    else context.ledger.note(settled);
  });
}

export async function finishWayBack(
  context: AgentContext,
  {
    work,
    phase,
    error,
    signal,
  }: { work: Work; phase: 'reverted' | 'stuck'; error: ReportError | null; signal: AbortSignal },
): Promise<void> {
  const measured = phase === 'reverted' ? await measureBack(context, work, signal) : {};
  await awaitOwn(context, signal);
  await recordEnd(context, { type: 'finished', phase, error, measured });
  publishAfterReport(context);
  context.ports.log(phase, { upgrade: work.order.upgrade, error: error?.message ?? null });
}

/**
 * The end is said only when it is on the disk: an agent that started anew without this record would go on with the
 * install. On a disk without any room the host stays `reverting` until there is some.
 */
async function recordEnd(context: AgentContext, body: JournalBody): Promise<void> {
  for (;;) {
    try {
      context.ledger.append(body);
      return;
    } catch (error) {
      context.ports.log('end not recorded', { error: String(error) });
      context.ports.disk.freeReserve();
      await context.ports.clock.sleep(RECORD_RETRY_MS);
    }
  }
}

type SettleReboot = StepRun & { readonly step: RebootStep; readonly state: StepState | null };

/** Only a host that did reboot on the way forward needs to reboot again; the boot id tells both. */
async function settleReboot(context: AgentContext, { index, step, state, signal }: SettleReboot): Promise<void> {
  const { bootId } = context;
  const neverRebooted = state?.rebooting === null && state.bootId === bootId;
  const isBack = state !== null && state.rebooting !== null && state.rebooting.bootId !== bootId;
  if (neverRebooted || isBack || state === null) {
    appendOrNote(context, { type: 'settled', index });
    return;
  }
  await restartBack(context, { index, timeoutMs: step.timeoutMs, state, signal });
}

type RestartBack = Pick<StepRun, 'index' | 'signal'> & {
  readonly timeoutMs: number;
  readonly state: StepState | null;
};

/** Throws where restarts have not helped: a person is needed. */
async function restartBack(context: AgentContext, { index, timeoutMs, state, signal }: RestartBack): Promise<void> {
  const { bootId } = context;
  const attempt = (state?.rebooting?.attempt ?? 0) + 1;
  if (attempt > MAX_RESTARTS_BACK) {
    throw new Error(`${MAX_RESTARTS_BACK} restarts did not bring back what ran before; look at the boot loader`);
  }
  appendOrNote(context, { type: 'rebooting', index, attempt, bootId });
  await reboot(context, timeoutMs, signal);
}

/** What the steps' things are now, as far as it can be measured: nothing depends on it. */
async function measureBack(context: AgentContext, work: Work, signal: AbortSignal): Promise<Record<string, string>> {
  const measured: Record<string, string> = {};
  for (const index of [...work.steps.keys()].sort((a, b) => a - b)) {
    const { step, state, place } = stepRun(context, { work, index, signal });
    if (isRestart(step) || state?.state === 'passed') continue;
    try {
      Object.assign(measured, (await context.ports.steps.verify(step, place)).measured);
    } catch (error) {
      context.ports.log('not measured', { step: step.id, error: String(error) });
    }
  }
  return measured;
}

async function orFail(
  context: AgentContext,
  { index, step }: { index: number; step: HostStep },
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run();
  } catch (error) {
    const message = `${step.id} (${step.type}): ${error instanceof Error ? error.message : String(error)}`;
    context.ports.log('undo failed', { message });
    appendOrNote(context, { type: 'undoFailed', index, message });
    await context.ports.clock.sleep(UNDO_RETRY_MS);
  }
}
