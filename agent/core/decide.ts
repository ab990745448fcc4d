import { isAtWork } from '../../model/agent-phase.ts';
import { compareOrders, isSameOrder, type Baton, type Order, type ReportError } from '../../model/bus.ts';
import type { HostId } from '../../model/ids.ts';
import { releaseLabel } from '../../model/release.ts';
import {
  currentWork,
  deadlineOf,
  highestOrder,
  installedRelease,
  isUndoable,
  nextStep,
  nextToRevert,
  phaseOf,
  workInEffect,
  workPhase,
  type AgentState,
  type Work,
} from './state.ts';

/** How often a step that was cut off in the middle is begun again before the host goes back. */
export const MAX_STEP_ATTEMPTS = 3;
/** How often an undo may fail before a person is asked. */
export const MAX_UNDO_FAILURES = 3;

/** What an order on the bus means to an agent in this state. */
export type Verdict =
  /** It was handled before. */
  | { readonly verdict: 'known' }
  /** stale: below the highest seen; it is answered, but the newer order stays the one that counts. busy: judged again later. */
  | { readonly verdict: 'refuse'; readonly why: string; readonly stale: boolean; readonly busy: boolean }
  /** Install it, once the release on the disk was verified. */
  | { readonly verdict: 'accept'; readonly already: boolean }
  | { readonly verdict: 'probe' }
  /** The work at hand goes on, or back, for this order. */
  | { readonly verdict: 'adopt'; readonly journal: string }
  /** There is nothing to undo. */
  | { readonly verdict: 'reverted' };

/**
 * Judges an order. Pure.
 *
 * 1. Below the highest (epoch, sequence): refused. Equal: the same order, known.
 * 2. While at work, only an order for the same work is taken: the same release again, or its way back.
 * 3. A revert names an upgrade: what that upgrade installed last is undone, or there is nothing to undo.
 */
export function judgeOrder(state: AgentState, order: Order): Verdict {
  const highest = highestOrder(state);
  const compared = highest === null ? 1 : compareOrders(order, highest);
  if (compared === 0 && !isFreeAgain(state, order)) return { verdict: 'known' };
  if (highest !== null && compared < 0) {
    return refuse(`stale order ${nameOf(order)}: order ${nameOf(highest)} was seen before; nothing was done`, {
      stale: true,
    });
  }
  if (state.corrupt !== null)
    return refuse(`${state.corrupt}; the host was left as it is; repair or remove it by hand`);
  switch (order.action) {
    case 'install':
      return judgeInstall(state, order);
    case 'revert':
      return judgeRevert(state, order);
    case 'stand-down':
      return judgeStandDown(state, order);
    case 'probe':
      return isAtWork(phaseOf(state)) ? refuseBusy(state) : { verdict: 'probe' };
  }
}

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

function judgeInstall(state: AgentState, order: Order): Verdict {
  const work = currentWork(state);
  const same = work !== null && work.order.action === 'install' && work.order.release.digest === order.release.digest;
  if (work !== null && work.finished === null) {
    if (same) return { verdict: 'adopt', journal: work.journal };
    if (isAtWork(workPhase(work))) return refuseBusy(state);
  }
  if (work?.finished?.phase === 'stuck') {
    // What is left of it is undone by its own journal only.
    if (work.order.release.digest === order.release.digest) return { verdict: 'adopt', journal: work.journal };
    return refuse(
      `the host is stuck in ${releaseLabel(work.order.release)} of upgrade ${work.order.upgrade}; revert that first`,
    );
  }
  return { verdict: 'accept', already: installedRelease(state)?.digest === order.release.digest };
}

function judgeRevert(state: AgentState, order: Order): Verdict {
  const works = state.works.filter((one) => one.upgrades.includes(order.upgrade));
  const work = works.findLast(({ finished }) => finished?.phase !== 'reverted') ?? works.at(-1);
  const current = currentWork(state);
  if (current !== null && isAtWork(workPhase(current)) && current !== work) return refuseBusy(state);
  const top = workInEffect(state);
  if (work === undefined) {
    if (installedRelease(state)?.digest !== order.release.digest) return { verdict: 'reverted' };
    const label = releaseLabel(order.release);
    return refuse(
      `what upgrade ${order.upgrade} did to install ${label} is no longer kept; install the earlier release`,
    );
  }
  if (work.finished?.phase === 'reverted') return { verdict: 'reverted' };
  if (top !== null && top.journal > work.journal) {
    return refuse(`upgrade ${order.upgrade} was followed by ${releaseLabel(top.order.release)}; revert that first`);
  }
  return { verdict: 'adopt', journal: work.journal };
}

function judgeStandDown(state: AgentState, order: Order): Verdict {
  const work = currentWork(state);
  if (work !== null && isAtWork(workPhase(work))) return refuseBusy(state);
  if (work === null || !work.upgrades.includes(order.upgrade) || work.finished?.phase === 'reverted') {
    return { verdict: 'reverted' };
  }
  if (work.finished === null) return { verdict: 'adopt', journal: work.journal };
  return refuse(`${releaseLabel(work.order.release)} is ${work.finished.phase}; order a revert to undo it`);
}

/**
 * Undo backwards, then settle, then it is over; an undo that keeps failing ends in stuck.
 * Reboots settle first: what the other steps start again would not outlive them.
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
  const settle = undone.find(([index]) => work.host.steps[index]?.type === 'reboot') ?? undone[0];
  if (settle === undefined) return { next: 'finish', phase: 'reverted', error };
  const [index, step] = settle;
  if (step.undoFailures < MAX_UNDO_FAILURES) return { next: 'settle', index };
  return { next: 'finish', phase: 'stuck', error: stuckError(work, index, step.undoError) };
}

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

const nameOf = (order: Pick<Order, 'epoch' | 'sequence'>): string => `epoch ${order.epoch} sequence ${order.sequence}`;

/** The order was refused because of work that is over now, and nothing was done for it since. */
function isFreeAgain(state: AgentState, order: Order): boolean {
  const answered = state.answered;
  if (answered?.busy !== true || !isSameOrder(answered.order, order) || isAtWork(phaseOf(state))) return false;
  const work = currentWork(state);
  return work === null || compareOrders(answered.order, work.order) > 0;
}

function refuseBusy(state: AgentState): Verdict {
  const work = currentWork(state);
  const what = work === null ? '' : ` with ${releaseLabel(work.order.release)} of upgrade ${work.order.upgrade}`;
  return refuse(`busy${what}: ${phaseOf(state)}; the order is looked at again when that is settled`, { busy: true });
}

const refuse = (why: string, { stale = false, busy = false } = {}): Verdict => ({
  verdict: 'refuse',
  why,
  stale,
  busy,
});
