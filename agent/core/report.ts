import { isAtWork } from '../../model/agent-phase.ts';
import type { Order, Report } from '../../model/bus.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { Answered } from './records.ts';
import {
  currentWork,
  installedRelease,
  isUndoable,
  latestAnswer,
  nextStep,
  nextToRevert,
  phaseOf,
  workPhase,
  type AgentState,
  type Work,
} from './state.ts';

/** Most entries that a report carries, so that it stays a few kB. */
const MAX_MEASURED = 64;
/** Longest error message of a report; the journal has the whole. Characters. */
const MAX_MESSAGE = 2_000;

export type Reporter = { readonly agent: string; readonly bootId: string };

/** What is to be said of the highest order seen; null before there was one. Pure: a level that can be sent at any time. */
export function reportOf(state: AgentState, reporter: Reporter): Report | null {
  const work = currentWork(state);
  const answer = latestAnswer(state);
  if (answer !== null) return answerReport(state, reporter, answer);
  return work === null ? null : workReport(state, reporter, work);
}

/** A refusal of an order that does not count: of one below the highest seen. */
export function staleReport(
  state: AgentState,
  reporter: Reporter,
  refusal: { order: Order; why: string; at: number },
): Report {
  const { order, why, at } = refusal;
  const answer = { order, refused: why, probe: null, busy: false, reverted: false, at };
  return answerReport(state, reporter, answer);
}

/** A refusal of a value that can't be read: whose it is can't be said. */
export function unreadableReport(state: AgentState, reporter: Reporter, refusal: { why: string; at: number }): Report {
  const base = { v: 1, epoch: 0, sequence: 0, action: 'install', probe: null } as const;
  const upgrade = currentWork(state)?.order.upgrade ?? parseUpgradeId('unreadable');
  return { ...base, ...common(state, reporter), upgrade, refused: refusal.why, ...timesOf(refusal.at) };
}

function answerReport(state: AgentState, reporter: Reporter, answer: Answered): Report {
  const { order, refused, probe, reverted, at } = answer;
  const phase = reverted ? 'reverted' : phaseOf(state);
  return { ...named(order), ...common(state, reporter), phase, refused, probe, ...timesOf(at) };
}

function workReport(state: AgentState, reporter: Reporter, work: Work): Report {
  const error = work.finished?.error ?? work.reverting?.error ?? null;
  return {
    ...named(work.order),
    ...common(state, reporter),
    refused: null,
    probe: null,
    error: error === null ? null : { ...error, message: error.message.slice(0, MAX_MESSAGE) },
    measured: Object.fromEntries(Object.entries(work.finished?.measured ?? {}).slice(0, MAX_MEASURED)),
    startedAt: work.startedAt,
    finishedAt: nextToRevert(state) === null ? (work.finished?.at ?? null) : null,
    changedAt: work.changedAt,
  };
}

function common(
  state: AgentState,
  reporter: Reporter,
): Pick<Report, 'phase' | 'step' | 'error' | 'bootId' | 'agent' | 'installed' | 'measured'> {
  const work = currentWork(state);
  const { agent, bootId } = reporter;
  const step = work !== null && isAtWork(workPhase(work)) ? stepOf(work) : null;
  return { phase: phaseOf(state), step, error: null, agent, bootId, installed: installedRelease(state), measured: {} };
}

function stepOf(work: Work): Report['step'] {
  const index = work.reverting === null ? (nextStep(work)?.index ?? null) : undoIndex(work);
  const step = index === null ? undefined : work.host.steps[index];
  if (index === null || step === undefined) return null;
  const attempt = Math.max(1, work.steps.get(index)?.attempt ?? 1);
  return { id: step.id, index, count: work.host.steps.length, attempt };
}

function undoIndex(work: Work): number | null {
  const undoable = [...work.steps].filter(([, step]) => isUndoable(step)).map(([index]) => index);
  return undoable.length === 0 ? null : Math.max(...undoable);
}

function named(order: Order): Pick<Report, 'v' | 'upgrade' | 'epoch' | 'sequence' | 'action'> {
  return { v: 1, upgrade: order.upgrade, epoch: order.epoch, sequence: order.sequence, action: order.action };
}

const timesOf = (at: number): Pick<Report, 'startedAt' | 'finishedAt' | 'changedAt'> => ({
  startedAt: at,
  finishedAt: at,
  changedAt: at,
});
