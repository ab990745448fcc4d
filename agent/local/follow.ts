import { isSettled } from '../../model/agent-phase.ts';
import { compareOrders, isSameOrder, type Order, type Report } from '../../model/bus.ts';
import type { LocalReport } from '../../model/local-job.ts';
import type { Clock } from '../../model/ports.ts';
import { reportOf } from '../core/report.ts';
import type { AgentState } from '../core/state.ts';
import type { Places } from '../places.ts';
import { readJournals } from './journals.ts';

/** How often the journals are looked at: a step takes seconds; ms. */
const LOOK_MS = 250;
/** How long the way back may take beyond the order's deadline, before whoever waits is told to look for himself; ms. */
const WAY_BACK_MS = 600_000;
/** How long an agent may take to accept or refuse its order: it reads every file of the release before; ms. */
const SEEN_MS = 300_000;

export type Following = {
  readonly places: Places;
  readonly clock: Clock;
  /** Version of the agent that is at it. */
  readonly agent: string;
  readonly say: (report: LocalReport) => void;
};

/**
 * Says how the order goes, from the journals on the disk: they are the agent's whole memory, so nobody has to be asked.
 * Resolves with the report that is its end, or `outrun`: the agent never took it, since it had a higher one to answer, which it
 * did not take either: it refused that, or found nothing to take back.
 * Throws when there is no end in time, or when a higher order is followed in its place.
 */
export async function followOrder(
  order: Order,
  { places, clock, agent, say }: Following,
): Promise<LocalReport | 'outrun'> {
  const startedAt = clock.now();
  const until = startedAt + order.deadlineMs + WAY_BACK_MS;
  let said = '';
  for (;;) {
    const state = readJournals(places);
    // The boot is the agent's to know; nothing that is said here has it.
    const report = reportOf(upTo(order, state), { agent, bootId: '' });
    const compared = report === null ? -1 : compareOrders(report, order);
    if (report !== null && compared > 0) {
      if (!isTaken(state, report)) return 'outrun';
      throw new Error(`order ${nameOf(order)} was followed by ${nameOf(report)}; nobody follows it any more`);
    }
    if (report !== null && compared === 0) {
      const line = toLine(report);
      if (JSON.stringify(line) !== said) say(line);
      said = JSON.stringify(line);
      if (isOver(report)) return line;
    }
    const limit = compared === 0 ? until : startedAt + SEEN_MS;
    if (clock.now() >= limit) throw new Error(unanswered(order, compared === 0));
    await clock.sleep(LOOK_MS);
  }
}

/** Without what the agent answered to others while it was at this one, and without what it did after its end. */
function upTo(order: OrderId, state: AgentState): AgentState {
  const index = state.works.findIndex((work) => isSameOrder(work.order, order));
  const own = state.works[index];
  if (own === undefined) return state;
  return { ...state, works: own.finished === null ? state.works : state.works.slice(0, index + 1), answered: null };
}

const isTaken = ({ works }: AgentState, order: OrderId): boolean =>
  works.some((work) => isSameOrder(work.order, order));

/** staged, done and so on of an order that was refused are those of the work before. */
const isOver = ({ refused, phase, finishedAt }: Report): boolean =>
  refused !== null || (isSettled(phase) && finishedAt !== null);

const toLine = ({ phase, step, refused, error, startedAt, finishedAt }: Report): LocalReport => ({
  ...{ event: 'report', phase, step, refused, error, startedAt, finishedAt },
});

function unanswered({ upgrade }: Order, isSeen: boolean): string {
  const what = isSeen ? 'did not end it in time' : `did not answer it within ${SEEN_MS / 1000} s`;
  return `the agent ${what}: order of ${upgrade}; look on the host: journalctl -u refit-agent`;
}

type OrderId = Pick<Order, 'upgrade' | 'epoch' | 'sequence'>;
const nameOf = ({ upgrade, epoch, sequence }: OrderId): string => `${upgrade} (epoch ${epoch}, sequence ${sequence})`;
