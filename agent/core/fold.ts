import { InvariantError, unreachable } from '../../model/assert.ts';
import type { Order } from '../../model/bus.ts';
import type { Accepted, JournalBody } from './records.ts';
import { serviceOf, type Finished, type StepState, type Work } from './state.ts';

export function acceptedWork(journal: string, at: number, body: Accepted): Work {
  return {
    journal,
    order: body.order,
    upgrades: [body.order.upgrade],
    service: body.order.action === 'service' ? serviceOf(body.order) : null,
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
 * A newer order forward changes only whom the reports are for, and takes up again what got stuck; a revert or stand-down
 * begins the way back, once more if it stuck.
 */
function adopt(work: Work, order: Order): Work {
  const adopted = { ...work, order, upgrades: [...new Set([...work.upgrades, order.upgrade])] };
  if (order.action === 'install' || order.action === 'service')
    return work.finished?.phase === 'stuck' ? forwardAgain(adopted) : adopted;
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

function withStep(work: Work, index: number, step: StepState): ReadonlyMap<number, StepState> {
  return new Map(work.steps).set(index, step);
}
