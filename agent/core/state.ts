import { isAtWork, type AgentPhase } from '../../model/agent-phase.ts';
import {
  compareOrders,
  type InstalledRelease,
  type Order,
  type ReportError,
  type ServiceOrder,
} from '../../model/bus.ts';
import type { UpgradeId } from '../../model/ids.ts';
import { isRestart, type HostStep, type HostWork } from '../host-work.ts';
import type { Json } from '../ports.ts';
import type { Answered } from './records.ts';

/** What the journals add up to, and nothing else: the agent's whole memory. */
export type AgentState = {
  /** By journal name, which is the order in which they were accepted. */
  readonly works: readonly Work[];
  readonly answered: Answered | null;
  /** Set when a journal can't be trusted: nothing is done any more until a person has looked. */
  readonly corrupt: string | null;
};

/** One install, or one upgrade of a service's members, and the way back from it; one journal. */
export type Work = {
  readonly journal: string;
  /** The newest order for this work. */
  readonly order: Order;
  readonly upgrades: readonly UpgradeId[];
  /** Whose members it upgraded, as it was ordered; null: it installed the release. */
  readonly service: ServiceOrder | null;
  readonly host: HostWork;
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
  /** Done, and not undone since: an install's release counts as installed. */
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

/** Upgrades of services leave that as it is. Without an install in effect, it is what was there before the oldest. */
export function installedRelease(state: AgentState): InstalledRelease | null {
  const installs = state.works.filter(({ service }) => service === null);
  const inEffect = installs.findLast((work) => work.inEffect);
  // An upgrade of a service was accepted by what the host was on then, and is no witness once that went back.
  if (inEffect === undefined) return (installs[0] ?? state.works.at(-1))?.before ?? null;
  const { name, version, digest } = inEffect.order.release;
  return { name, version, digest };
}

/** Orders in journals of versions before services have none. */
export const serviceOf = (order: Order): ServiceOrder | null => order.service ?? null;

/** Whether a revert order is about this work: all that its upgrade did, or only what it did to the members named. */
export function isToRevert(work: Work, order: Order): boolean {
  const service = serviceOf(order);
  if (!work.upgrades.includes(order.upgrade)) return false;
  return service === null || (work.service?.name === service.name && sharesMember(work.service, service));
}

/** The work of another upgrade that lies over this one: it has to be undone first. */
export function followerOf(state: AgentState, work: Work, upgrade: UpgradeId): Work | null {
  const isOver = (one: Work): boolean =>
    work.service === null || one.service === null
      ? work.service === one.service
      : sharesMember(work.service, one.service);
  const later = state.works.filter(({ inEffect, journal }) => inEffect && journal > work.journal);
  return later.findLast((one) => !one.upgrades.includes(upgrade) && isOver(one)) ?? null;
}

const sharesMember = (a: ServiceOrder, b: ServiceOrder): boolean =>
  a.containers.some((container) => b.containers.includes(container));

/**
 * An upgrade may have worked on the host more than once: it upgraded services as well, or was ordered again and found
 * something to repair. A revert undoes all of it, newest first; this is what comes next.
 */
export function nextToRevert(state: AgentState): Work | null {
  const work = currentWork(state);
  if (work?.finished?.phase !== 'reverted' || work.order.action !== 'revert') return null;
  const { order } = work;
  const undoable = state.works.filter((one) => one.inEffect && isToRevert(one, order));
  return undoable.findLast((one) => followerOf(state, one, order.upgrade) === null) ?? null;
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
  return isRestart(next.step) && next.state?.state === 'started' ? 'rebooting' : 'installing';
}

/** The first step that is not there yet. */
export function nextStep(work: Work): { index: number; step: HostStep; state: StepState | null } | null {
  for (const [index, step] of work.host.steps.entries()) {
    const state = work.steps.get(index) ?? null;
    if (state === null || state.state === 'started') return { index, step, state };
  }
  return null;
}

export const isUndoable = (state: StepState): boolean => state.state === 'started' || state.state === 'finished';

export const deadlineOf = (work: Work): number | null => (work.begunAt === null ? null : work.begunAt + work.budgetMs);

const isRebootingBack = (work: Work): boolean =>
  [...work.steps.values()].some((step) => step.rebooting !== null && step.state === 'undone');
