import { heartbeat } from '@temporalio/activity';
import { busKeys, compareOrders, isSameOrder, type Baton, type Chain, type Hold, type Order } from '../model/bus.ts';
import type { HostId } from '../model/ids.ts';
import { readOutcome } from '../model/outcome.ts';
import type { PlannedHost } from '../model/plan.ts';
import type { Activities, ChainInput } from './activities.ts';
import type { AwaitPorts } from './await-host.ts';
import { writeFenced, type Change } from './fenced-write.ts';
import { readFleetLevels } from './host-levels.ts';
import { HOP, placeOrder } from './host-order.ts';
import { inParallel } from './parallel.ts';
import { hostsOf, type PlanStore } from './plan-store.ts';

/** Orders that are written at the same time; etcd takes thousands a second. */
const MAX_PARALLEL = 32;

export type ChainPorts = AwaitPorts & { readonly plans: PlanStore };

/**
 * Idempotent after any part of it: orders first, then chain and baton in one step, so that nobody has the turn before
 * everybody has an order. A baton that is further already stays where it is.
 */
export function createStartChain(ports: ChainPorts): Activities['startChain'] {
  return async (input) => {
    const hosts = await chainHosts(ports, input);
    await inParallel(hosts.slice(input.offset), MAX_PARALLEL, async (host) => {
      heartbeat();
      await placeOrder(ports, { fleet: input.fleet, host }, chainOrderTo(input, host));
    });
    await placeBaton(ports, input, { hosts, position: input.offset });
  };
}

/** Idempotent: reads. Hosts of the page that have not ended under this order are left out. */
export function createReadOutcomes(ports: ChainPorts): Activities['readOutcomes'] {
  return async (input) => {
    const chain = await chainMembers(ports, input);
    const page = chain.slice(input.offset, input.offset + input.limit);
    const names = page.map(({ name }) => name);
    const levels = await readFleetLevels(ports, input.fleet, names);
    return page.flatMap(({ name, from }) => {
      const order = { ...chainOrder(input), host: name, from };
      const outcome = readOutcome(order, levels.get(name)?.report ?? null);
      return outcome === null ? [] : [outcome];
    });
  };
}

/**
 * Idempotent. From the chain's end to its start, so that a baton that is on its way meets hosts that stand down already.
 * What is at work, or has ended, is left alone.
 */
export function createStandDown(ports: ChainPorts): Activities['standDown'] {
  return async (input) => {
    const hosts = (await chainHosts(ports, input)).slice(input.offset);
    const levels = await readFleetLevels(ports, input.fleet, hosts);
    const order: Order = { ...chainOrder(input), action: 'stand-down', start: 'now' };
    const waiting = hosts.filter((host) => {
      const level = levels.get(host);
      const found = level?.order ?? null;
      if (found === null || found.upgrade !== input.upgrade || compareOrders(found, order) >= 0) return false;
      const report = level?.report != null && isSameOrder(level.report, found) ? level.report : null;
      return found.start === 'baton' && (report === null || report.phase === 'staged');
    });
    await inParallel(waiting.toReversed(), MAX_PARALLEL, async (host) => {
      heartbeat();
      await placeOrder(ports, { fleet: input.fleet, host }, order);
    });
  };
}

/** Idempotent: a hold that is there stays as it is. */
export function createSetHold(ports: AwaitPorts): Activities['setHold'] {
  return async ({ fleet, upgrade, epoch, hold, reason }) => {
    const key = busKeys(fleet).hold(upgrade);
    const value: Hold = { v: 1, epoch, reason, since: ports.clock.now() };
    const decide = (isThere: boolean): Change | null => {
      if (isThere === hold) return null;
      return hold ? { puts: [{ key, value: ports.values.encodeBusValue(value) }] } : { puts: [], deletes: [key] };
    };
    await writeFenced(ports, { fleet, epoch }, { keys: [key], decide: ([entry]) => decide(entry != null) });
  };
}

export async function chainHosts(ports: ChainPorts, input: ChainInput): Promise<readonly HostId[]> {
  return (await chainMembers(ports, input)).map(({ name }) => name);
}

/** Places in the chain are places in this list. */
export async function chainMembers(ports: ChainPorts, input: ChainInput): Promise<readonly PlannedHost[]> {
  const skipped = new Set(input.skipped);
  return hostsOf(await ports.plans.load(input), input.wave).filter(({ name }) => !skipped.has(name));
}

/** One order for all: who goes when is the baton's to say. */
export function chainOrder({ upgrade, epoch, sequence, release, deadlineMs }: ChainInput): Order {
  const order = { v: 1, upgrade, hop: HOP, epoch, sequence, release, step: null, service: null, deadlineMs } as const;
  return { ...order, edited: null, action: 'install', start: 'baton' };
}

/** As the host gets it: an operator may have answered for it alone. */
export const chainOrderTo = (input: ChainInput, host: HostId): Order => ({
  ...chainOrder(input),
  edited: input.edited?.find((one) => one.host === host)?.answer ?? null,
});

/** Puts the baton at the position, unless it is there or further on in the same chain. */
export async function placeBaton(
  ports: ChainPorts,
  { fleet, upgrade, epoch }: ChainInput,
  { hosts, position }: { readonly hosts: readonly HostId[]; readonly position: number },
): Promise<void> {
  const keys = busKeys(fleet);
  const chain: Chain = { v: 1, upgrade, epoch, hosts };
  const baton: Baton = { v: 1, epoch, position, holder: hosts[position] ?? null };
  const puts = [
    { key: keys.chain(upgrade), value: ports.values.encodeBusValue(chain) },
    { key: keys.baton(upgrade), value: ports.values.encodeBusValue(baton) },
  ];
  await writeFenced(
    ports,
    { fleet, epoch },
    {
      keys: [keys.chain(upgrade), keys.baton(upgrade)],
      decide: ([chainEntry, batonEntry]) => {
        const found = batonEntry == null ? null : ports.values.parseBaton(batonEntry.value);
        const isSame = chainEntry?.value === puts[0]?.value;
        const isFurther = found?.ok === true && found.value.epoch === epoch && found.value.position >= position;
        return isSame && isFurther ? null : { puts };
      },
    },
  );
}
