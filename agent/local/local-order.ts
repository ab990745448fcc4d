import { compareOrders, type Order } from '../../model/bus.ts';
import type { Digest } from '../../model/ids.ts';
import type { Release } from '../../model/release.ts';
import { highestOrder, type AgentState, type Work } from '../core/state.ts';
import type { Places } from '../places.ts';
import { refOf, type LocalJob } from './job.ts';
import { localOrderFile, readLocalOrder, writeLocalOrder } from './order-file.ts';

/** Workers count from 1: whatever a run of the next epoch orders is another order, and a higher one. */
const SEQUENCE = 0;

/** The order that this command gave before, wherever it is by now; null: it gave none yet. */
export function findStanding(job: LocalJob, places: Places, state: AgentState): Order | null {
  const isOurs = (order: Order): boolean => order.action === job.action && isFor(job, state, order);
  const file = readLocalOrder(localOrderFile(places));
  const known = [
    ...(file?.ok === true ? [file.value] : []),
    ...state.works.map(({ order }) => order),
    ...(state.answered === null ? [] : [state.answered.order]),
  ];
  return known.filter(isOurs).sort(compareOrders).at(-1) ?? null;
}

/** A revert is known by what it takes back, for it bears the name of that. */
function isFor(job: LocalJob, state: AgentState, order: Order): boolean {
  if (job.action === 'install') return order.upgrade === job.upgrade;
  const isLatest = compareOrders(order, highestOrder(state) ?? order) >= 0;
  return isLatest && order.release.digest === job.order.release;
}

/**
 * Gives the order, above everything that this agent has seen: an epoch of its own fences off a run of the fleet that is
 * under way, which then says that it has to be started again; the next one claims an epoch above what agents name.
 */
export function placeLocalOrder(job: LocalJob, places: Places, placed: { release: Release; state: AgentState }): Order {
  const { release, state } = placed;
  const file = readLocalOrder(localOrderFile(places));
  const epoch = Math.max(highestOrder(state)?.epoch ?? 0, file?.ok === true ? file.value.epoch : 0) + 1;
  const order = { v: 1, hop: 0, epoch, sequence: SEQUENCE, action: job.action, start: 'now' } as const;
  const whole: Order = {
    ...order,
    upgrade:
      job.action === 'install' ? job.upgrade : (findReverted(state, job.order.release)?.order.upgrade ?? job.upgrade),
    release: refOf(job, release),
    step: null,
    service: null,
    edited: job.edited,
    deadlineMs: release.host.deadlineMs,
  };
  writeLocalOrder(places, whole);
  return whole;
}

/** The latest install of this release that the host can take back, or is at; null: there is none. */
export const findReverted = (state: AgentState, digest: Digest): Work | null =>
  state.works.findLast(
    ({ order, service, finished }) =>
      service === null && order.release.digest === digest && finished?.phase !== 'reverted',
  ) ?? null;
