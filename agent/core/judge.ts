import { isAtWork } from '../../model/agent-phase.ts';
import { compareOrders, isSameOrder, type Order } from '../../model/bus.ts';
import { releaseLabel } from '../../model/release.ts';
import {
  currentWork,
  followerOf,
  highestOrder,
  installedRelease,
  isToRevert,
  phaseOf,
  serviceOf,
  workPhase,
  type AgentState,
  type Work,
} from './state.ts';

/** What an order on the bus means to an agent in this state. */
export type Verdict =
  /** It was handled before. */
  | { readonly verdict: 'known' }
  /** stale: below the highest seen; it is answered, but the newer order stays the one that counts. busy: judged again later. */
  | { readonly verdict: 'refuse'; readonly why: string; readonly stale: boolean; readonly busy: boolean }
  /** Do it, once the release on the disk was verified. */
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
 * 2. While at work, only an order for the same work is taken: the same again, or its way back.
 * 3. A revert names an upgrade, perhaps a service's members too: what that upgrade did last is undone, or there is nothing to undo.
 * 4. A service is upgraded by the installed release alone; that stays what it is.
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
    case 'service':
      return judgeService(state, order);
    case 'revert':
      return judgeRevert(state, order);
    case 'stand-down':
      return judgeStandDown(state, order);
    case 'probe':
      return isAtWork(phaseOf(state)) ? refuseBusy(state) : { verdict: 'probe' };
  }
}

function judgeInstall(state: AgentState, order: Order): Verdict {
  const already = installedRelease(state)?.digest === order.release.digest;
  return judgeOpenWork(state, order) ?? { verdict: 'accept', already };
}

function judgeService(state: AgentState, order: Order): Verdict {
  const service = serviceOf(order);
  if (service === null) return refuse('the order names no service; nothing was done');
  const verdict = judgeOpenWork(state, order);
  if (verdict !== null) return verdict;
  const installed = installedRelease(state);
  if (installed?.digest === order.release.digest) return { verdict: 'accept', already: false };
  const label = releaseLabel(order.release);
  const found = installed === null ? 'none' : releaseLabel(installed);
  return refuse(
    `service ${service.name} is upgraded by ${label}, and this host is on ${found}; install ${label} first`,
  );
}

/** Work that is not over, or got stuck, is gone on with for an order that asks for the same; null: there is none. */
function judgeOpenWork(state: AgentState, order: Order): Verdict | null {
  const work = currentWork(state);
  if (work === null) return null;
  const isSame = isForSame(work, order);
  if (work.finished === null) {
    if (isSame && work.order.action === order.action) return { verdict: 'adopt', journal: work.journal };
    return isAtWork(workPhase(work)) ? refuseBusy(state) : null;
  }
  if (work.finished.phase !== 'stuck') return null;
  // What is left of it is undone by its own journal only.
  if (isSame) return { verdict: 'adopt', journal: work.journal };
  return refuse(`the host is stuck in ${workLabel(work)} of upgrade ${work.order.upgrade}; revert that first`);
}

function isForSame(work: Work, order: Order): boolean {
  const service = order.action === 'service' ? serviceOf(order) : null;
  if (work.order.release.digest !== order.release.digest || work.service?.name !== service?.name) return false;
  const members = new Set(service?.containers);
  const ordered = new Set(work.service?.containers);
  return members.size === ordered.size && [...members].every((container) => ordered.has(container));
}

function judgeRevert(state: AgentState, order: Order): Verdict {
  const works = state.works.filter((one) => isToRevert(one, order));
  const work = works.findLast(({ finished }) => finished?.phase !== 'reverted') ?? works.at(-1);
  const current = currentWork(state);
  if (current !== null && isAtWork(workPhase(current)) && current !== work) return refuseBusy(state);
  if (work === undefined) {
    const mayBePruned = serviceOf(order) === null && installedRelease(state)?.digest === order.release.digest;
    if (!mayBePruned) return { verdict: 'reverted' };
    const label = releaseLabel(order.release);
    return refuse(
      `what upgrade ${order.upgrade} did to install ${label} is no longer kept; install the earlier release`,
    );
  }
  if (work.finished?.phase === 'reverted') return { verdict: 'reverted' };
  const follower = followerOf(state, work, order.upgrade);
  if (follower !== null) {
    return refuse(
      `upgrade ${order.upgrade} was followed by ${workLabel(follower)} of upgrade ${follower.order.upgrade}; revert that first`,
    );
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
  return refuse(`${workLabel(work)} is ${work.finished.phase}; order a revert to undo it`);
}

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
  const what = work === null ? '' : ` with ${workLabel(work)} of upgrade ${work.order.upgrade}`;
  return refuse(`busy${what}: ${phaseOf(state)}; the order is looked at again when that is settled`, { busy: true });
}

const refuse = (why: string, { stale = false, busy = false } = {}): Verdict => ({
  verdict: 'refuse',
  why,
  stale,
  busy,
});

const workLabel = ({ service, order }: Work): string =>
  service === null ? releaseLabel(order.release) : `service ${service.name} of ${releaseLabel(order.release)}`;
