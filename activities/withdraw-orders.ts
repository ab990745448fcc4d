import { log } from '@temporalio/activity';
import { busKeys, compareOrders, type Order } from '../model/bus.ts';
import type { BusEntry, BusPut } from '../model/ports.ts';
import { writeFenced, type Fence } from './fenced-write.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';

/** Hosts of one write. It compares the epoch and two keys a host, and etcd takes 128 of them in a transaction. */
const MAX_HOSTS = 63;
/** Writes at the same time; each reads its keys first, twice MAX_HOSTS. */
const MAX_PARALLEL = 4;
/** Below the orders of every run, which count from 1: whatever the new run orders replaces it. */
const SEQUENCE = 0;

type WithdrawPorts = Pick<Ports, 'bus' | 'clock' | 'values'>;
/** A host's two keys. */
type Place = { readonly order: string; readonly report: string };

/**
 * Replaces orders of earlier runs that their hosts have not answered by a stand-down of this one: a host that was cut off
 * from the bus would obey such an order when it is back, beside whomever this run sets to work. Idempotent.
 *
 * 1. Read after the claim: from then on no earlier run can write another.
 * 2. An order that its host has answered, or is at work on, stays: it is seen in the report.
 * 3. Under a compare on order and report: an answer that comes meanwhile keeps its order.
 * 4. Not removed: an order without an answer is what tells that the host may have accepted one and not said so yet. A
 *    stand-down keeps that, and its answer says how it was.
 */
export async function withdrawOrders(ports: WithdrawPorts, fence: Fence): Promise<void> {
  const places = await findUnanswered(ports, fence);
  const batches = Array.from({ length: Math.ceil(places.length / MAX_HOSTS) }, (_, batch) =>
    places.slice(batch * MAX_HOSTS, (batch + 1) * MAX_HOSTS),
  );
  await inParallel(batches, MAX_PARALLEL, async (batch) => withdraw(ports, fence, batch));
}

async function findUnanswered(ports: WithdrawPorts, fence: Fence): Promise<readonly Place[]> {
  const entries = await ports.bus.list(busKeys(fence.fleet).hosts);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  return entries.flatMap((entry) => {
    if (!entry.key.endsWith('/order')) return [];
    const place = { order: entry.key, report: entry.key.replace(/order$/, 'report') };
    return unanswered(ports, fence, [entry, byKey.get(place.report)]) === null ? [] : [place];
  });
}

async function withdraw(ports: WithdrawPorts, fence: Fence, places: readonly Place[]): Promise<void> {
  await writeFenced(ports, fence, {
    keys: places.flatMap(({ order, report }) => [order, report]),
    decide: (entries) => {
      const puts = places.flatMap(({ order: key }, index): readonly BusPut[] => {
        const order = unanswered(ports, fence, entries.slice(2 * index, 2 * index + 2));
        if (order === null) return [];
        const { upgrade, epoch, sequence, action } = order;
        log.info('order withdrawn', { key, upgrade, epoch, sequence, action, by: fence.epoch });
        return [{ key, value: ports.values.encodeBusValue(standDown(order, fence)) }];
      });
      return puts.length === 0 ? null : { puts };
    },
  });
}

const standDown = (order: Order, { epoch }: Fence): Order => ({
  ...{ ...order, epoch, sequence: SEQUENCE, action: 'stand-down' },
  ...{ step: null, service: null, start: 'now' },
});

/** The order, if it is an earlier run's and may still be obeyed. A report of a later one says that it never will be. */
function unanswered(
  { values }: WithdrawPorts,
  { epoch }: Fence,
  [orderEntry, reportEntry]: readonly (BusEntry | null | undefined)[],
): Order | null {
  const order = orderEntry == null ? null : values.parseOrder(orderEntry.value);
  // An unreadable order is obeyed by nobody, and a stand-down sets nobody to work.
  if (order?.ok !== true || order.value.epoch >= epoch || order.value.action === 'stand-down') return null;
  const report = reportEntry == null ? null : values.parseReport(reportEntry.value);
  const isAnswered = report?.ok === true && compareOrders(report.value, order.value) >= 0;
  return isAnswered ? null : order.value;
}
