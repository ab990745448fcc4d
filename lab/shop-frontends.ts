import { parseHostId, parseServiceId, parseUnitId, type HostId, type ServiceId } from '../model/ids.ts';
import { publishedPort, slots, unitContainerName, type Slot, type UnitPort } from '../model/unit.ts';
import type { LabHost } from './state.ts';

/** The unit that the lab's load balancer sends to one of its slots. */
export const SHOP = parseUnitId('shop');

/** A service of the unit that takes requests through the load balancer. */
export type ShopFrontend = {
  readonly service: ServiceId;
  /** Where it listens in the balancer's container. */
  readonly listens: number;
  /** Most members that a slot has of it. */
  readonly members: number;
  /** On the hosts, from there on for each member. */
  readonly port: UnitPort;
};

export const shopFrontends = {
  web: {
    service: parseServiceId('web'),
    listens: 8001,
    members: 3,
    port: { inside: 8080, blue: 8110, green: 8120 },
  },
  api: {
    service: parseServiceId('api'),
    listens: 8002,
    members: 2,
    port: { inside: 8080, blue: 8130, green: 8140 },
  },
} as const satisfies Readonly<Record<string, ShopFrontend>>;

/** As the fleet file's `{slot}`, `{host}` and `{container}` stand in for them. */
export const shopBackend = ({ service }: Pick<ShopFrontend, 'service'>, slot: Slot | '{slot}'): string =>
  `${SHOP}-${service}-${slot}`;
export const shopServer = (host: HostId | '{host}', container: string): string => `${host}-${container}`;

export type ShopBackend = {
  readonly name: string;
  readonly servers: readonly { readonly name: string; readonly address: string }[];
};

/** A member can be on any host, so each host has a server for each: those that are not there are down. */
export function shopBackends(hosts: readonly LabHost[]): readonly ShopBackend[] {
  return Object.values(shopFrontends).flatMap((frontend) =>
    slots.map((slot) => ({ name: shopBackend(frontend, slot), servers: serversOf(frontend, { slot, hosts }) })),
  );
}

function serversOf(
  { service, members, port }: ShopFrontend,
  { slot, hosts }: { readonly slot: Slot; readonly hosts: readonly LabHost[] },
): ShopBackend['servers'] {
  const ordinals = Array.from({ length: members }, (_, index) => index + 1);
  return hosts.flatMap(({ name, address }) =>
    ordinals.map((ordinal) => ({
      name: shopServer(parseHostId(name), unitContainerName(SHOP, { slot, service, ordinal })),
      address: `${address}:${publishedPort(port, slot, ordinal)}`,
    })),
  );
}
