import { log } from '@temporalio/activity';
import type { Activities, OrderInput, ProbeInput } from './activities.ts';
import { busKeys, compareOrders, isSameOrder, type Order } from '../model/bus.ts';
import type { HostOutcome } from '../model/host.ts';
import type { FleetId, HostId } from '../model/ids.ts';
import { goesForward, readOutcome, unansweredOutcome, type SentOrder } from '../model/outcome.ts';
import { releaseLabel } from '../model/release.ts';
import { awaitHost, type AwaitPorts, type HostWaitEnd } from './await-host.ts';
import { fenced } from './failure.ts';
import { writeFenced } from './fenced-write.ts';
import type { HostLevel } from './host-levels.ts';
import type { Ports } from './ports.ts';
import { Wake } from './wake.ts';

/** Longest wait for the answer to a probe; ms. A probe is one read-only command on the host. */
const PROBE_MS = 30_000;
/** Each hop is an upgrade of its own to an agent, with one hop. */
export const HOP = 0;

/** Idempotent: the same (epoch, sequence) is the same order, and an agent obeys it once. */
export function createOrderHost(ports: AwaitPorts): Activities['orderHost'] {
  return async (input) => {
    const { fleet, host, from, silenceMs } = input;
    return giveOrder(ports, toOrder(input), { fleet, host, from, silenceMs });
  };
}

/** Places the order and waits for its end; upheld while the agent has not spoken of it. */
export async function giveOrder(
  ports: AwaitPorts,
  order: Order,
  { fleet, host, from, silenceMs }: Pick<OrderInput, 'fleet' | 'host' | 'from' | 'silenceMs'>,
): Promise<HostOutcome> {
  const sent: SentOrder = { ...order, host, from };
  const place = async (): Promise<void> => placeOrder(ports, { fleet, host }, order);
  await place();
  const end = await awaitHost<HostOutcome>(ports, {
    ...{ fleet, host, order, position: null },
    limits: { silenceMs, deadlineMs: order.deadlineMs },
    wake: new Wake(),
    judge: (level) => (assertNotPassed(host, order, level), readOutcome(sent, level.report)),
    uphold: async ({ order: found }) => (found === null || !isSameOrder(found, order) ? place() : undefined),
  });
  const outcome = end.end === 'found' ? end.found : unanswered(sent, end);
  log.info('order ended', { host, ...nameOf(order), state: outcome.state, error: outcome.error });
  return outcome;
}

/** Idempotent as an order is. No answer counts as a fault of the environment: it undoes nothing. */
export function createProbeHost(ports: AwaitPorts): Activities['probeHost'] {
  return async (input) => {
    const order = toProbe(input);
    await placeOrder(ports, input, order);
    const until = ports.clock.now() + PROBE_MS;
    const noAnswer = { ok: false, evidence: `${input.host} did not answer the probe in ${PROBE_MS / 1000} s` };
    const end = await awaitHost(ports, {
      ...{ fleet: input.fleet, host: input.host, order, position: null },
      limits: { silenceMs: PROBE_MS, deadlineMs: PROBE_MS },
      wake: new Wake(),
      judge: ({ report }, now) => {
        if (report !== null && isSameOrder(report, order)) {
          if (report.refused !== null) return { ok: false, evidence: `${input.host}: ${report.refused}` };
          if (report.probe !== null)
            return { ok: report.probe.ok, evidence: `${input.host}: ${report.probe.evidence}` };
        }
        return now > until ? noAnswer : null;
      },
    });
    return end.end === 'found' ? end.found : noAnswer;
  };
}

/** Writes the order unless it is there, under the fence; never over a higher one. */
export async function placeOrder(
  ports: Pick<Ports, 'bus' | 'clock' | 'values'>,
  { fleet, host }: { readonly fleet: FleetId; readonly host: HostId },
  order: Order,
): Promise<void> {
  const key = busKeys(fleet).order(host);
  await writeFenced(
    ports,
    { fleet, epoch: order.epoch },
    {
      keys: [key],
      decide: ([entry]) => {
        const found = entry == null ? null : ports.values.parseOrder(entry.value);
        // An unreadable order is obeyed by nobody, so it may be replaced.
        const compared = found?.ok === true ? compareOrders(found.value, order) : -1;
        if (compared > 0) throw passed(host, order);
        if (compared < 0) log.info('order given', { host, ...nameOf(order) });
        return compared === 0 ? null : { puts: [{ key, value: ports.values.encodeBusValue(order) }] };
      },
    },
  );
}

/** The order that this activity is about was followed by another one: an attempt that was given up long ago. */
function assertNotPassed(host: HostId, order: Order, level: HostLevel): void {
  if (level.order !== null && compareOrders(level.order, order) > 0) throw passed(host, order);
  const isRefused = level.report !== null && isSameOrder(level.report, order) && level.report.refused !== null;
  if (!isRefused || level.alive === null || level.alive.epoch <= order.epoch) return;
  throw fenced(`the agent on ${host} knows epoch ${level.alive.epoch}, this run has ${order.epoch}; start it again`);
}

const nameOf = ({ upgrade, epoch, sequence, action }: Order): object => ({ upgrade, epoch, sequence, action });

const passed = (host: HostId, { epoch, sequence }: Order): Error =>
  fenced(`order ${sequence} of epoch ${epoch} for host ${host} was followed by a later one`);

function toOrder(input: OrderInput): Order {
  const { upgrade, epoch, sequence, action, release, edited, deadlineMs } = input;
  const order = { v: 1, upgrade, hop: HOP, epoch, sequence, action, release, edited } as const;
  return { ...order, step: null, service: null, start: 'now', deadlineMs };
}

function toProbe(input: ProbeInput): Order {
  const { upgrade, epoch, sequence, release, step } = input;
  const order = { v: 1, upgrade, hop: HOP, epoch, sequence, release, step, service: null, edited: null } as const;
  return { ...order, action: 'probe', start: 'now', deadlineMs: PROBE_MS };
}

/** Lost: no sign of life. Failed: it lives, and does nothing about the order any more. */
export function unanswered(
  order: SentOrder,
  end: Extract<HostWaitEnd<HostOutcome>, { end: 'silent' | 'overdue' }>,
): HostOutcome {
  const { host, action } = order;
  const what = `${actionWords[action]} of ${releaseLabel(order.release)}`;
  const phase =
    end.level.report !== null && isSameOrder(end.level.report, order) ? end.level.report.phase : 'not begun';
  const seconds = Math.round(end.silentMs / 1000);
  if (end.end === 'silent') {
    return unansweredOutcome(
      order,
      'lost',
      `host ${host} showed no sign of life for ${seconds} s during ${what} (${phase})`,
    );
  }
  const error = `the agent on ${host} lives, but did not end the ${what} by its deadline (${phase})`;
  return unansweredOutcome(order, goesForward(order) ? 'failed' : 'lost', error);
}

const actionWords = {
  install: 'install',
  service: 'service upgrade',
  revert: 'revert',
  'stand-down': 'stand-down',
  probe: 'probe',
} as const satisfies Record<Order['action'], string>;
