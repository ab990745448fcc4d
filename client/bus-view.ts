import { parseAlive, parseOrder, parseReport } from '../drivers/bus-values.ts';
import { createEtcdBus } from '../drivers/etcd/bus.ts';
import { busKeys, type Alive, type Order, type Report } from '../model/bus.ts';
import type { Fleet, FleetHost } from '../model/fleet.ts';
import type { Bus } from '../model/ports.ts';
import { Unreachable } from './unreachable.ts';

/** What the bus says of one host; null: nothing, or nothing that can be read. */
export type HostOnBus = {
  readonly host: FleetHost;
  readonly order: Order | null;
  readonly report: Report | null;
  readonly alive: Alive | null;
};

/** Every host of the fleet file with its agent's last words. Throws Unreachable when etcd doesn't answer. */
export const readHosts = (fleet: Fleet): Promise<readonly HostOnBus[]> =>
  withBus(fleet, (bus) => readHostsFrom(bus, fleet));

/** Opens the fleet's bus for some reads. Throws Unreachable when etcd doesn't answer. */
export async function withBus<Result>(fleet: Fleet, read: (bus: Bus) => Promise<Result>): Promise<Result> {
  const { endpoints, tls } = fleet.etcd;
  const bus = createEtcdBus({ endpoints, tls });
  try {
    return await read(bus);
  } catch (error) {
    throw new Unreachable(`etcd at ${endpoints.join(', ')} does not answer; nothing was changed`, { cause: error });
  } finally {
    bus.close();
  }
}

export async function readHostsFrom(bus: Bus, fleet: Fleet): Promise<readonly HostOnBus[]> {
  const keys = busKeys(fleet.fleet);
  const values = new Map((await bus.list(keys.hosts)).map((entry) => [entry.key, entry.value]));
  return fleet.hosts.map((host) => ({
    host,
    order: read(values.get(keys.order(host.name)), parseOrder),
    report: read(values.get(keys.report(host.name)), parseReport),
    alive: read(values.get(keys.alive(host.name)), parseAlive),
  }));
}

type Parser<Value> = (text: string) => { readonly ok: true; readonly value: Value } | { readonly ok: false };

function read<Value>(text: string | undefined, parse: Parser<Value>): Value | null {
  if (text === undefined) return null;
  const parsed = parse(text);
  return parsed.ok ? parsed.value : null;
}
