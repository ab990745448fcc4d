import { isAtWork, type AgentPhase } from '../../model/agent-phase.ts';
import { InvariantError, unreachable } from '../../model/assert.ts';
import { compareOrders, type InstalledRelease, type Order, type ReportError } from '../../model/bus.ts';
import type { UpgradeId } from '../../model/ids.ts';
import type { HostRelease, Step } from '../../model/release.ts';
import type { Json } from '../ports.ts';
import type { Accepted, Answered, JournalBody } from './records.ts';

/** What the journals add up to, and nothing else: the agent's whole memory. */
export type AgentState = {
  /** By journal name, which is the order in which they were accepted. */
  readonly works: readonly Work[];
  readonly answered: Answered | null;
  /** Set when a journal can't be trusted: nothing is done any more until a person has looked. */
  readonly corrupt: string | null;
};

/** One install, and the way back from it; one journal. */
export type Work = {
  readonly journal: string;
  /** The newest order for this work. */
  readonly order: Order;
  readonly upgrades: readonly UpgradeId[];
  readonly host: HostRelease;
  readonly already: boolean;
  readonly before: InstalledRelease | null;
  readonly budgetMs: number;
  readonly acceptedAt: number;
  readonly begunAt: number | null;
  /** When the work for the order that counts began: the install's turn, or the order to go back. */
  readonly startedAt: number;
  readonly changedAt: number;
  /** By index; a step without an entry was not touched. */
  readonly steps: ReadonlyMap<number, StepState>;
  readonly reverting: { readonly error: ReportError | null } | null;
  /** The release counts as installed: done, and not undone since. */
  readonly inEffect: boolean;
  readonly finished: Finished | null;
};

export type StepState = {
  /** passed: its effect was there already, nothing was done. */
  readonly state: 'passed' | 'started' | 'finished' | 'undone' | 'settled';
  readonly attempt: number;
  readonly before: Json;
  readonly undoFailures: number;
  readonly undoError: string | null;
  /** Boot in which it was started; for the way back of a reboot step, see `rebooting`. */
  readonly bootId: string;
  readonly rebooting: { readonly bootId: string; readonly attempt: number } | null;
};

export type Finished = {
  readonly phase: 'done' | 'reverted' | 'stuck';
  readonly at: number;
  readonly error: ReportError | null;
  readonly measured: Readonly<Record<string, string>>;
};

export const emptyState: AgentState = { works: [], answered: null, corrupt: null };

/** The work that the newest accepted order is about; of several, the one that came to it last, which is the oldest. */
export function currentWork(state: AgentState): Work | null {
  return state.works.reduce<Work | null>(
    (newest, work) => (newest === null || compareOrders(work.order, newest.order) > 0 ? work : newest),
    null,
  );
}

/** The highest order that was ever accepted or answered: what is below it is refused. */
export function highestOrder(state: AgentState): Order | null {
  const work = currentWork(state)?.order ?? null;
  const answered = state.answered?.order ?? null;
  if (work === null || answered === null) return work ?? answered;
  return compareOrders(work, answered) > 0 ? work : answered;
}

/** The answer, if it is newer than the current work; one that says busy counts only while that is so. */
export function latestAnswer(state: AgentState): Answered | null {
  const work = currentWork(state);
  const answered = state.answered;
  if (answered === null || (answered.busy && (work === null || !isAtWork(workPhase(work))))) return null;
  return work === null || compareOrders(answered.order, work.order) > 0 ? answered : null;
}

/** The work whose release the host is on. */
export const workInEffect = (state: AgentState): Work | null => state.works.findLast((work) => work.inEffect) ?? null;

export function installedRelease(state: AgentState): InstalledRelease | null {
  const work = workInEffect(state);
  if (work === null) return state.works[0]?.before ?? null;
  const { name, version, digest } = work.order.release;
  return { name, version, digest };
}

/**
 * An upgrade may have worked on the host more than once: it was ordered again, and found something to repair. A revert
 * undoes all of it, newest first; this is what comes next.
 */
export function nextToRevert(state: AgentState): Work | null {
  const work = currentWork(state);
  if (work?.finished?.phase !== 'reverted' || work.order.action !== 'revert') return null;
  const top = workInEffect(state);
  return top?.upgrades.includes(work.order.upgrade) === true ? top : null;
}

export function phaseOf(state: AgentState): AgentPhase {
  if (state.corrupt !== null) return 'stuck';
  if (nextToRevert(state) !== null) return 'reverting';
  const work = currentWork(state);
  const phase = work === null ? 'idle' : workPhase(work);
  if (work !== null && work.finished === null) return phase;
  return latestAnswer(state)?.reverted === true ? 'reverted' : phase;
}

export function workPhase(work: Work): AgentPhase {
  if (work.finished !== null) return work.finished.phase;
  if (work.reverting !== null) return isRebootingBack(work) ? 'rebooting' : 'reverting';
  if (work.begunAt === null) return 'staged';
  const next = nextStep(work);
  if (next === null) return 'verifying';
  return next.step.type === 'reboot' && next.state?.state === 'started' ? 'rebooting' : 'installing';
}

/** The first step that is not there yet. */
export function nextStep(work: Work): { index: number; step: Step; state: StepState | null } | null {
  for (const [index, step] of work.host.steps.entries()) {
    const state = work.steps.get(index) ?? null;
    if (state === null || state.state === 'started') return { index, step, state };
  }
  return null;
}

export const isUndoable = (state: StepState): boolean => state.state === 'started' || state.state === 'finished';

export const deadlineOf = (work: Work): number | null => (work.begunAt === null ? null : work.begunAt + work.budgetMs);

export function acceptedWork(journal: string, at: number, body: Accepted): Work {
  return {
    journal,
    order: body.order,
    upgrades: [body.order.upgrade],
    host: body.host,
    already: body.already,
    before: body.before,
    budgetMs: body.budgetMs,
    acceptedAt: at,
    begunAt: body.begun ? at : null,
    startedAt: at,
    changedAt: at,
    steps: new Map(),
    reverting: null,
    inEffect: false,
    finished: null,
  };
}

/** One more record. Pure; the same records give the same work. */
export function foldRecord(work: Work, at: number, body: JournalBody): Work {
  const next = { ...work, changedAt: at };
  switch (body.type) {
    case 'accepted':
      throw new InvariantError(`journal ${work.journal} accepts a second order`);
    case 'adopted':
      return adopt(next, body.order);
    case 'begun':
      return { ...next, begunAt: at, startedAt: at };
    case 'notAlready':
      return { ...next, already: false };
    case 'reverting':
      return { ...next, reverting: { error: body.error } };
    case 'finished':
      return { ...next, finished: finishedOf(at, body), inEffect: isInEffect(work, body.phase) };
    case 'stepStarted': {
      const { index, attempt, bootId, before } = body;
      const fresh = { undoFailures: 0, undoError: null, rebooting: null };
      return { ...next, steps: withStep(work, index, { state: 'started', attempt, bootId, before, ...fresh }) };
    }
    case 'stepFinished':
    case 'undoStarted':
    case 'undoFailed':
    case 'undoFinished':
    case 'rebooting':
    case 'settled':
      return { ...next, steps: withStep(work, body.index, foldStep(work.steps.get(body.index) ?? untouched, body)) };
    default:
      return unreachable(body);
  }
}

type StepBody = Extract<
  JournalBody,
  { type: 'stepFinished' | 'undoStarted' | 'undoFailed' | 'undoFinished' | 'rebooting' | 'settled' }
>;

const untouched: StepState = {
  state: 'passed',
  attempt: 0,
  before: null,
  undoFailures: 0,
  undoError: null,
  bootId: '',
  rebooting: null,
};

function foldStep(step: StepState, body: StepBody): StepState {
  switch (body.type) {
    case 'stepFinished':
      return step.state === 'passed' ? step : { ...step, state: 'finished' };
    case 'undoStarted':
      return step;
    case 'undoFailed':
      return { ...step, undoFailures: step.undoFailures + 1, undoError: body.message };
    case 'undoFinished':
      return { ...step, state: 'undone' };
    case 'rebooting':
      return { ...step, rebooting: { bootId: body.bootId, attempt: body.attempt } };
    case 'settled':
      return { ...step, state: 'settled' };
    default:
      return unreachable(body);
  }
}

/**
 * A newer install order changes only whom the reports are for, and takes up again what got stuck; a revert or stand-down
 * begins the way back, once more if it stuck.
 */
function adopt(work: Work, order: Order): Work {
  const adopted = { ...work, order, upgrades: [...new Set([...work.upgrades, order.upgrade])] };
  if (order.action === 'install') return work.finished?.phase === 'stuck' ? forwardAgain(adopted) : adopted;
  const steps = new Map([...work.steps].map(([index, step]) => [index, { ...step, undoFailures: 0 }]));
  const error = work.reverting?.error ?? null;
  return { ...adopted, steps, startedAt: work.changedAt, reverting: { error }, finished: null };
}

/** What was undone is begun from nothing; of the rest, `check` says what is there, and the undo stays the first one's. */
function forwardAgain(work: Work): Work {
  const left = [...work.steps].filter(([, step]) => step.state === 'started' || step.state === 'finished');
  const steps = left.map(
    ([index, step]) => [index, { ...step, state: 'started', attempt: 0, undoFailures: 0, undoError: null }] as const,
  );
  const at = work.changedAt;
  const begunAt = work.order.start === 'now' ? at : null;
  return { ...work, steps: new Map(steps), begunAt, startedAt: at, already: false, reverting: null, finished: null };
}

function finishedOf(at: number, body: Extract<JournalBody, { type: 'finished' }>): Finished {
  return { phase: body.phase, at, error: body.error, measured: body.measured };
}

function isInEffect(work: Work, phase: Finished['phase']): boolean {
  return phase === 'done' || (phase === 'stuck' && work.inEffect);
}

const isRebootingBack = (work: Work): boolean =>
  [...work.steps.values()].some((step) => step.rebooting !== null && step.state === 'undone');

function withStep(work: Work, index: number, step: StepState): ReadonlyMap<number, StepState> {
  return new Map(work.steps).set(index, step);
}
