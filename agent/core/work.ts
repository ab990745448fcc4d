import { assert, unreachable } from '../../model/assert.ts';
import type { ReportError } from '../../model/bus.ts';
import type { Bell } from './bell.ts';
import type { AgentContext } from './context.ts';
import { decideNext, type Next } from './decide.ts';
import { handOff } from './hand-off.ts';
import { installStep, StepProblem, verifyAlready, verifyHost } from './install.ts';
import { withLimit } from './limit.ts';
import { begin } from './question.ts';
import { awaitOthers } from './quorum-wait.ts';
import { appendOrNote } from './record-anyway.ts';
import { currentWork, deadlineOf, isUndoable, type Work } from './state.ts';
import { finishWayBack, settleStep, undoStep } from './way-back.ts';

/** Longest time that one step of the way back may take; ms. There is no deadline for the whole: it has to be gone. */
const UNDO_DEADLINE_MS = 300_000;

/** What runs now and can be told to stop. */
export type Interrupt = { stop: (() => void) | null };

/** One action after another, each decided from the journals and the bus alone, so that a kill loses nothing. */
export async function doWork(context: AgentContext, bell: Bell, interrupt: Interrupt): Promise<never> {
  for (;;) {
    const { ledger, view, identity, ports } = context;
    const now = ports.clock.now();
    const seen = { me: identity.host, baton: view.baton?.baton ?? null, isHeld: view.isHeld, now };
    const next = decideNext(ledger.state, seen);
    if (next.next === 'rest') {
      await bell.wait();
      continue;
    }
    const work = currentWork(ledger.state);
    assert(work !== null, 'an action needs work');
    await act(context, { work, next, interrupt });
  }
}

type Action = { readonly work: Work; readonly next: Exclude<Next, { next: 'rest' }>; readonly interrupt: Interrupt };

async function act(context: AgentContext, { work, next, interrupt }: Action): Promise<void> {
  switch (next.next) {
    case 'begin':
      return forward(context, interrupt, (signal) => begin(context, work, signal));
    case 'verifyAlready':
      return forward(context, interrupt, (signal) => verifyAlready(context, work, signal));
    case 'step':
      return forward(context, interrupt, async (signal) => {
        if (!isTouched(work)) await awaitOthers(context, signal);
        await installStep(context, { work, index: next.index, signal });
      });
    case 'verify':
      return forward(context, interrupt, (signal) => verifyHost(context, work, signal));
    case 'fail': {
      goBack(context, next.error);
      return;
    }
    case 'undo':
      return limited(context, (signal) => undoStep(context, { work, index: next.index, signal }));
    case 'settle':
      return limited(context, (signal) => settleStep(context, { work, index: next.index, signal }));
    case 'finish':
      return limited(context, (signal) =>
        finishWayBack(context, { work, phase: next.phase, error: next.error, signal }),
      );
    case 'revertNext':
      appendOrNote(context, { type: 'adopted', order: work.order }, next.journal);
      return;
    case 'handOff':
      return handOff(context, work);
    default:
      return unreachable(next);
  }
}

/** Whether any step has had, or may have had, an effect. */
const isTouched = ({ steps }: Work): boolean => [...steps.values()].some(isUndoable);

/** On the way forward: stopped by the deadline or by an order to go back; what fails leads back. */
async function forward(
  context: AgentContext,
  interrupt: Interrupt,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { clock } = context.ports;
  const deadline = deadlineOf(currentWorkOf(context));
  const ms = deadline === null ? null : Math.max(0, deadline - clock.now());
  await withLimit({ clock, ms }, async (signal, stop) => {
    interrupt.stop = stop;
    try {
      await run(signal);
    } catch (error) {
      // An order to go back is in the journal already; a deadline is found by the next decision.
      if (!signal.aborted) goBack(context, errorOf(error));
    } finally {
      interrupt.stop = null;
    }
  });
}

const limited = (context: AgentContext, run: (signal: AbortSignal) => Promise<void>): Promise<void> =>
  withLimit({ clock: context.ports.clock, ms: UNDO_DEADLINE_MS }, run);

/** The way back begins, whether or not the disk takes the record: what was begun has to be undone. */
function goBack(context: AgentContext, error: ReportError): void {
  context.ports.log('reverting', { step: error.step, kind: error.kind, message: error.message });
  appendOrNote(context, { type: 'reverting', error });
}

function errorOf(error: unknown): ReportError {
  if (error instanceof StepProblem) return { step: error.step, kind: error.kind, message: error.message };
  return { step: null, kind: 'failed', message: error instanceof Error ? error.message : String(error) };
}

function currentWorkOf(context: AgentContext): Work {
  const work = currentWork(context.ledger.state);
  assert(work !== null, 'there is work at hand');
  return work;
}
