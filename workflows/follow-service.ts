import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  isCancellation,
  ParentClosePolicy,
  rootCause,
  setHandler,
  startChild,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import type { UpgradeState } from '../model/upgrade.ts';
import type { ServiceProgress, ServiceUpgradeInput } from '../model/service.ts';
import { commandLines, gate, isFenced } from './gate.ts';
import { searchAttributesOf } from './search-attributes.ts';
import { abort, pause, resume, rollback, serviceAsks, serviceWorkflowId, upgradeServiceType } from './messages.ts';
import type { Run } from './run.ts';

type UpgradeService = (input: ServiceUpgradeInput) => Promise<ServiceProgress>;

/** How a service's own upgrade ended. */
export type ServiceEnd =
  | { readonly end: 'succeeded' | 'rolledBack' | 'aborted'; readonly progress: ServiceProgress }
  | { readonly end: 'failed'; readonly error: string };

/**
 * Starts a service's own upgrade, tells it what an operator says to this one, and waits for its end.
 *
 * 1. One upgrade of a service at a time is Temporal's guarantee: one that is at work already is waited for, then told of.
 * 2. An operator who ends this upgrade meanwhile gets null.
 */
export async function followService(
  run: Run,
  input: ServiceUpgradeInput,
  staticSummary: string,
): Promise<ServiceEnd | null> {
  const { environmentRetryMs, environmentRetries } = run.input.policy;
  const { name } = input.service;
  const look = `look: refit service status ${name}`;
  for (let tries = 0; tries < environmentRetries; tries++) {
    if ((await gate(run)) !== 'go') return null;
    const ended = await attempt(run, input, staticSummary);
    if (ended !== 'busy') return ended;
    const what = `another upgrade of service ${name}, which is at work already`;
    const waiting = { what, host: null, movedOnBy: `its end; ${look}` };
    await run.wait(waiting, () => run.isInterrupted(), environmentRetryMs);
  }
  return { end: 'failed', error: `another upgrade of service ${name} is at work and does not end; ${look}` };
}

async function attempt(run: Run, input: ServiceUpgradeInput, staticSummary: string): Promise<ServiceEnd | 'busy'> {
  const { fleet, service, upgrade } = input;
  run.wave = 'atWork';
  try {
    const child = await startChild<UpgradeService>(upgradeServiceType, {
      workflowId: serviceWorkflowId(fleet, service.name),
      args: [input],
      staticSummary,
      typedSearchAttributes: searchAttributesOf(fleet, upgrade),
      // An upgrade that is cancelled leaves no child that goes on changing members.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    });
    const movedOnBy = `its own workflow; look: refit service status ${service.name}`;
    const progress = await run.during({ what: staticSummary, host: null, movedOnBy }, async () => spoken(run, child));
    return endOf(progress);
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'busy';
    if (!(error instanceof ChildWorkflowFailure) || isCancellation(error) || isFenced(error)) throw error;
    return { end: 'failed', error: rootCause(error) ?? 'unknown cause' };
  } finally {
    run.wave = 'none';
  }
}

/** The child's result; until then it hears what an operator says, and what it asks is asked here as well. */
async function spoken(run: Run, child: ChildWorkflowHandle<UpgradeService>): Promise<ServiceProgress> {
  const before = run.state;
  const watch = new CancellationScope();
  setHandler(serviceAsks, ({ what }) => hear(run, what), { description: 'what the upgrade of a service asks' });
  // A child that ended meanwhile can't be signalled, and need not be.
  const telling = watch.run(async () => tell(run, child)).catch(() => undefined);
  try {
    return await child.result();
  } finally {
    watch.cancel();
    await telling;
    setHandler(serviceAsks, () => undefined);
    hear(run, null);
    if (run.state !== before) run.enter(before);
  }
}

function hear(run: Run, what: string | null): void {
  const isGoingBack = run.isGoingBack || run.ending() === 'rollback';
  const movedOnBy = commandLines(run, ['resume', ...(isGoingBack ? [] : ['rollback']), 'abort']);
  run.wishes.resume = false;
  run.error = what;
  run.serviceAsks =
    what === null ? null : { what: `the operator: ${what}`, host: null, since: Date.now(), until: null, movedOnBy };
}

/** What the child was told last. */
type Told = { readonly ending: 'rollback' | 'abort' | null; readonly isPaused: boolean };
const signals = { pause, resume, rollback, abort } as const;

/** Commands as the child understands them: by the same names. */
async function tell(run: Run, child: ChildWorkflowHandle<UpgradeService>): Promise<never> {
  const before = run.state;
  const state = (): UpgradeState => (run.wishes.pause ? 'paused' : run.serviceAsks === null ? before : 'waiting');
  let told: Told = { ending: null, isPaused: false };
  // Ends by cancellation, with the child.
  for (;;) {
    await condition(() => untold(run, told) !== null || run.state !== state());
    const command = untold(run, told);
    if (command !== null) {
      told = { ending: run.wishes.ending, isPaused: run.wishes.pause };
      run.wishes.resume = false;
      await child.signal(signals[command].name, { by: run.input.upgrade, reason: `as ${run.input.upgrade} was told` });
      run.wave = run.isInterrupted() ? 'told' : 'atWork';
    }
    if (run.state !== state()) run.enter(state());
  }
}

/** What an operator wants and the child doesn't know yet. Whoever ends an upgrade ends its pause. */
function untold({ wishes, serviceAsks: asked }: Run, told: Told): keyof typeof signals | null {
  if (wishes.ending !== told.ending) return wishes.ending;
  if (wishes.pause !== told.isPaused) return wishes.pause ? 'pause' : 'resume';
  return asked !== null && wishes.resume ? 'resume' : null;
}

function endOf(progress: ServiceProgress): ServiceEnd {
  const { state, error } = progress;
  return state === 'succeeded' || state === 'rolledBack' || state === 'aborted'
    ? { end: state, progress }
    : { end: 'failed', error: error ?? `it ended as ${state}` };
}
