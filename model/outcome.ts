import { isSettled } from './agent-phase.ts';
import { isSameOrder, type Order, type Report } from './bus.ts';
import type { HostOutcome } from './host.ts';
import type { HostId } from './ids.ts';
import { releaseLabel, type ReleaseRef } from './release.ts';

/** Longest error text of an outcome; characters. A wave's outcomes have to fit into one payload. */
export const MAX_ERROR_LENGTH = 400;

/** How a refusal begins that is not final: the agent is at work on something else, and looks at the order again after it. */
export const BUSY = 'busy';

/** An order as its sender remembers it. */
export type SentOrder = Pick<Order, 'epoch' | 'sequence' | 'action'> & {
  readonly host: HostId;
  readonly release: ReleaseRef;
  readonly from: string | null;
};

/** How the order ended by the agent's report; null: it has not ended, or the report is of another order. */
export function readOutcome(order: SentOrder, report: Report | null): HostOutcome | null {
  if (report === null || !isSameOrder(report, order)) return null;
  if (report.refused?.startsWith(BUSY) === true) return null;
  if (report.refused !== null) return outcome(order, report, { state: notDone(order), error: report.refused });
  if (!isSettled(report.phase)) return null;
  switch (report.phase) {
    case 'done':
      return readDone(order, report);
    case 'reverted':
      return readReverted(order, report);
    case 'stuck':
      return outcome(order, report, { state: 'stuck', error: report.error?.message ?? 'the way back failed' });
  }
}

/** The order never came to an end that the agent told of. */
export function unansweredOutcome(order: SentOrder, state: 'lost' | 'failed', error: string): HostOutcome {
  const { host, from } = order;
  return { host, state, from, to: null, step: null, error: shorten(error), startedAt: null, finishedAt: null };
}

function readDone(order: SentOrder, report: Report): HostOutcome {
  const { installed } = report;
  // A service's upgrade changes nothing of what the host is on: its agent did what that release says.
  if (order.action === 'service') return outcome(order, report, { state: 'done', error: null });
  if (order.action !== 'install') {
    return outcome(order, report, { state: 'stuck', error: `reported done for an order to ${order.action}` });
  }
  if (installed?.digest === order.release.digest) return outcome(order, report, { state: 'done', error: null });
  const measured = installed === null ? 'no release' : `${releaseLabel(installed)} (${installed.digest})`;
  const error = `reported done, but measured ${measured} instead of ${releaseLabel(order.release)}`;
  return outcome(order, report, { state: 'failed', error });
}

function readReverted(order: SentOrder, report: Report): HostOutcome {
  if (!goesForward(order)) return outcome(order, report, { state: 'rolledBack', error: null });
  const error = report.error?.message ?? 'reverted without an error';
  return outcome(order, report, { state: report.error?.kind === 'unhealthy' ? 'unhealthy' : 'reverted', error });
}

/** To something new, and not back to what was. */
export const goesForward = ({ action }: Pick<Order, 'action'>): boolean => action === 'install' || action === 'service';

/** A way back that was refused needs a person; what goes forward and was refused changed nothing. */
const notDone = (order: SentOrder): 'failed' | 'stuck' => (goesForward(order) ? 'failed' : 'stuck');

function outcome(order: SentOrder, report: Report, end: Pick<HostOutcome, 'state' | 'error'>): HostOutcome {
  return {
    host: order.host,
    state: end.state,
    from: order.from,
    to: report.installed?.version ?? null,
    step: report.error?.step ?? null,
    error: end.error === null ? null : shorten(end.error),
    startedAt: report.startedAt,
    finishedAt: report.finishedAt,
  };
}

const shorten = (text: string): string =>
  text.length <= MAX_ERROR_LENGTH ? text : `${text.slice(0, MAX_ERROR_LENGTH - 1)}…`;
