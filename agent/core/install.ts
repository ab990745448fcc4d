import { assert } from '../../model/assert.ts';
import type { ReportError } from '../../model/bus.ts';
import type { StepId } from '../../model/ids.ts';
import type { Health } from '../../model/release.ts';
import { becomeHealthy, type HealthWatch } from '../health.ts';
import { isRestart, type HostStep, type RestartStep } from '../host-work.ts';
import type { StepPlace } from '../ports.ts';
import type { AgentContext } from './context.ts';
import { MAX_STEP_ATTEMPTS } from './decide.ts';
import type { StepState, Work } from './state.ts';

/** Longest wait for the last report to get out before a reboot; ms. It is a courtesy, not a condition. */
const LAST_WORD_MS = 500;

/** A failure of the world at one step. */
export class StepProblem extends Error {
  readonly step: StepId | null;
  readonly kind: ReportError['kind'];

  constructor(step: StepId | null, kind: ReportError['kind'], options: { message: string; cause?: unknown }) {
    super(options.message, { cause: options.cause });
    this.step = step;
    this.kind = kind;
  }
}

export type StepRun = { readonly work: Work; readonly index: number; readonly signal: AbortSignal };

/**
 * Brings one step's effect about, once.
 *
 * 1. What is there already is not touched and costs no record.
 * 2. The record of the start, with what undo needs, is on the disk before the effect; the record of the end after it.
 * 3. A step that was begun and not ended is looked at first; what undo needs is never captured a second time.
 */
export async function installStep(context: AgentContext, run: StepRun): Promise<void> {
  const { step, state, place } = stepRun(context, run);
  try {
    await bringAbout(context, { ...run, step, state, place });
  } catch (error) {
    if (error instanceof StepProblem) throw error;
    const message = `step ${step.id} (${step.type}) failed: ${error instanceof Error ? error.message : String(error)}`;
    throw new StepProblem(step.id, 'failed', { message, cause: error });
  }
}

type Begun = StepRun & { readonly step: HostStep; readonly state: StepState | null; readonly place: StepPlace };

async function bringAbout(context: AgentContext, { index, signal, step, state, place }: Begun): Promise<void> {
  const { ledger, ports, bootId } = context;
  const isThere = isRestart(step) ? hasRestarted(context, step, state) : await ports.steps.check(step, place);
  signal.throwIfAborted();
  const finished = { type: 'stepFinished', index } as const;
  if (isThere && state === null) {
    ledger.note(finished);
    return;
  }
  if (isThere) {
    ledger.append(finished);
    return;
  }

  const attempt = (state?.attempt ?? 0) + 1;
  if (attempt > MAX_STEP_ATTEMPTS) {
    throw new Error(`cut off ${MAX_STEP_ATTEMPTS} times before it was done`);
  }
  const before = state?.before ?? (isRestart(step) ? { bootId } : await ports.steps.capture(step, place));
  signal.throwIfAborted();
  ledger.append({ type: 'stepStarted', index, attempt, bootId, before });
  if (isRestart(step)) return reboot(context, step.timeoutMs, signal);
  await ports.steps.apply(step, { ...place, before });
  ledger.append(finished);
}

/** Asks for it and waits for the end; who comes back from this wait was not rebooted. */
export async function reboot(context: AgentContext, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { clock, boot, log } = context.ports;
  await Promise.race([context.sender.idle(), clock.sleep(LAST_WORD_MS)]);
  log('rebooting', { bootId: context.bootId });
  await boot.reboot();
  await clock.sleep(timeoutMs, signal);
  throw new Error(`the host did not reboot within ${Math.round(timeoutMs / 1000)} s`);
}

/** All steps are there: measures them, waits until the host is healthy, and is done. */
export async function verifyHost(context: AgentContext, work: Work, signal: AbortSignal): Promise<void> {
  const measured = await measure(context, work, signal);
  const hasWaited = await awaitHealth(context, work.host.health, signal);
  // What ran when it was started may have died since.
  const measuredLast = hasWaited ? await measure(context, work, signal) : measured;
  signal.throwIfAborted();
  context.ledger.append({ type: 'finished', phase: 'done', error: null, measured: measuredLast });
  publishAfterReport(context);
  context.ports.log('done', { upgrade: work.order.upgrade, version: work.order.release.version });
}

/** `installed.json` follows from the journal, so the report does not wait for it; an agent that starts writes it anew. */
export function publishAfterReport(context: AgentContext): void {
  const { ledger, sender, ports } = context;
  void Promise.race([sender.idle(), ports.clock.sleep(LAST_WORD_MS)]).then(() => {
    try {
      ledger.publishInstalled();
    } catch (error) {
      ports.log('installed.json not written', { error: String(error) });
    }
  });
}

/** The host is on this release already: nothing is applied unless what is measured says otherwise. */
export async function verifyAlready(context: AgentContext, work: Work, signal: AbortSignal): Promise<void> {
  try {
    await verifyHost(context, work, signal);
  } catch (error) {
    if (!(error instanceof StepProblem) || signal.aborted) throw error;
    context.ports.log('installed, but not as it should be', { problem: error.message });
    context.ledger.note({ type: 'notAlready', problem: error.message });
  }
}

async function measure(
  context: AgentContext,
  work: Work,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const measured: Record<string, string> = {};
  for (const [index, step] of work.host.steps.entries()) {
    if (isRestart(step)) continue;
    const { place } = stepRun(context, { work, index, signal });
    const verified = await context.ports.steps.verify(step, place);
    if (verified.problem !== null) {
      throw new StepProblem(step.id, 'unhealthy', { message: `step ${step.id} does not hold: ${verified.problem}` });
    }
    Object.assign(measured, verified.measured);
  }
  return measured;
}

/** Whether there was anything to wait for. */
async function awaitHealth(context: AgentContext, health: Health, signal: AbortSignal): Promise<boolean> {
  const { clock, probes, quorum } = context.ports;
  if (health.probes.length === 0 && (await quorum.own(signal)) === null) return false;
  const look: HealthWatch['look'] = (limited) =>
    Promise.all([...health.probes.map((probe) => probes.check(probe, limited)), quorum.own(limited)]);
  const problem = await becomeHealthy(health, { clock, look, signal });
  if (problem !== null) throw new StepProblem(null, 'unhealthy', { message: problem });
  return true;
}

export function stepRun(
  context: AgentContext,
  { work, index, signal }: StepRun,
): { step: HostStep; state: StepState | null; place: StepPlace } {
  const step = work.host.steps[index];
  assert(step !== undefined, `no step ${index} in ${work.journal}`);
  const state = work.steps.get(index) ?? null;
  const before = state?.before ?? null;
  return { step, state, place: { ...orderPlace(context, work), journal: work.journal, index, before, signal } };
}

/** What is the same for all steps of a work. */
export const orderPlace = (
  { identity }: Pick<AgentContext, 'identity'>,
  { order, before }: Pick<Work, 'order' | 'before'>,
): Pick<StepPlace, 'host' | 'release' | 'upgrade' | 'was' | 'edited'> => ({
  ...{ host: identity.host, release: order.release, upgrade: order.upgrade, was: before },
  // Orders in journals of before there was an answer to give have none.
  edited: order.edited ?? null,
});

/** A `boot` asks for a kernel: where it runs already, the power went and came back in between. Whether it is the one, `confirm` says. */
const hasRestarted = ({ ports, bootId }: AgentContext, step: RestartStep, state: StepState | null): boolean =>
  (step.type === 'boot' && ports.boot.kernel() === step.kernel) || (state !== null && state.bootId !== bootId);
