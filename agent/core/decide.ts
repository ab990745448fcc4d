import type { Baton, Order, ReportError } from '../../model/bus.ts';
import type { HostId } from '../../model/ids.ts';
import type { HostStep } from '../host-work.ts';
import { currentWork, deadlineOf, isUndoable, nextStep, nextToRevert, type AgentState, type Work } from './state.ts';

/** How often a step that was cut off in the middle is begun again before the host goes back. */
export const MAX_STEP_ATTEMPTS = 3;
/** How often an undo may fail before a person is asked. */
export const MAX_UNDO_FAILURES = 3;

/** What the agent sees around it when it decides. */
export type View = {
  readonly me: HostId;
  readonly baton: Baton | null;
  readonly isHeld: boolean;
  readonly now: number;
};

export type Next =
  | { readonly next: 'rest' }
  | { readonly next: 'begin' }
  | { readonly next: 'verifyAlready' }
  | { readonly next: 'step'; readonly index: number }
  | { readonly next: 'verify' }
  | { readonly next: 'fail'; readonly error: ReportError }
  | { readonly next: 'undo'; readonly index: number }
  | { readonly next: 'settle'; readonly index: number }
  | { readonly next: 'finish'; readonly phase: 'reverted' | 'stuck'; readonly error: ReportError | null }
  /** The upgrade worked here before that as well: its revert goes on with that work. */
  | { readonly next: 'revertNext'; readonly journal: string }
  | { readonly next: 'handOff' };

/** What is next for the current work. Pure: journals, bus and time in, one action out. */
export function decideNext(state: AgentState, view: View): Next {
  const work = currentWork(state);
  if (work === null || state.corrupt !== null) return { next: 'rest' };
  const earlier = nextToRevert(state);
  if (earlier !== null) return { next: 'revertNext', journal: earlier.journal };
  if (work.finished !== null) return mayHandOff(work, view) ? { next: 'handOff' } : { next: 'rest' };
  if (work.reverting !== null) return wayBack(work, work.reverting.error);
  const deadline = deadlineOf(work);
  if (deadline === null) return isMyTurn(work.order, view) ? { next: 'begin' } : { next: 'rest' };
  if (view.now >= deadline) return { next: 'fail', error: missed(work) };
  if (work.already) return { next: 'verifyAlready' };
  const step = nextStep(work);
  return step === null ? { next: 'verify' } : { next: 'step', index: step.index };
}

export const holdsBaton = (order: Order, view: Pick<View, 'me' | 'baton'>): boolean =>
  view.baton !== null && view.baton.holder === view.me && view.baton.epoch === order.epoch;

/**
 * Undo backwards, then settle, then it is over; an undo that keeps failing ends in stuck.
 * What may restart the host settles first: what the other steps start again would not outlive that.
 */
function wayBack(work: Work, error: ReportError | null): Next {
  const entries = [...work.steps].sort(([a], [b]) => a - b);
  const undo = entries.findLast(([, step]) => isUndoable(step));
  if (undo !== undefined) {
    const [index, step] = undo;
    if (step.undoFailures < MAX_UNDO_FAILURES) return { next: 'undo', index };
    return { next: 'finish', phase: 'stuck', error: stuckError(work, index, step.undoError) };
  }
  const undone = entries.filter(([, step]) => step.state === 'undone');
  const settle = undone.find(([index]) => mayRestart(work.host.steps[index])) ?? undone[0];
  if (settle === undefined) return { next: 'finish', phase: 'reverted', error };
  const [index, step] = settle;
  if (step.undoFailures < MAX_UNDO_FAILURES) return { next: 'settle', index };
  return { next: 'finish', phase: 'stuck', error: stuckError(work, index, step.undoError) };
}

const mayRestart = (step: HostStep | undefined): boolean => step?.type === 'reboot' || step?.type === 'kernel';

function stuckError(work: Work, index: number, message: string | null): ReportError {
  const first = work.reverting?.error?.message;
  const because = first === undefined ? '' : ` (the way back began because: ${first})`;
  const step = work.host.steps[index]?.id ?? null;
  return { step, kind: 'failed', message: `undo failed ${MAX_UNDO_FAILURES} times: ${message ?? 'unknown'}${because}` };
}

function missed(work: Work): ReportError {
  const step = nextStep(work)?.step.id ?? null;
  const seconds = Math.round(work.budgetMs / 1000);
  return { step, kind: 'deadline', message: `not done within its deadline of ${seconds} s; reverting` };
}

const isMyTurn = (order: Order, view: View): boolean =>
  order.start === 'now' || (holdsBaton(order, view) && !view.isHeld);

const mayHandOff = (work: Work, view: View): boolean =>
  work.finished?.phase === 'done' && work.order.start === 'baton' && holdsBaton(work.order, view);
