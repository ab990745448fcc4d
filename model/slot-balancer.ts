import type { HostId, ServiceId, UnitId } from './ids.ts';
import type { BalancedServer } from './load-balancer.ts';
import type { Slot } from './unit.ts';

/**
 * A load balancer's way to send a unit's requests to one of its two slots. Every call is bounded in time and idempotent.
 * Failures are LoadBalancerErrors. HAProxy is the first driver.
 */
export interface SlotBalancer {
  /** Where new requests go. unset: nobody has said yet · mixed: not all frontends agree, which a cutover mends. */
  active(unit: BalancedUnit, signal?: AbortSignal): Promise<Slot | 'unset' | 'mixed'>;
  /**
   * Sends new requests of all frontends to the slot; requests at work end where they are. When it returns this is kept
   * over reload and restart of the balancer.
   */
  cutOver(unit: BalancedUnit, to: Slot, signal?: AbortSignal): Promise<void>;
  /** The slot's servers in every frontend. */
  servers(unit: BalancedUnit, slot: Slot, signal?: AbortSignal): Promise<readonly SlotServer[]>;
  /** Requests that the slot answered since the balancer's own start, over all frontends; null: this balancer counts none. */
  traffic(unit: BalancedUnit, slot: Slot, signal?: AbortSignal): Promise<SlotTraffic | null>;
  /** What of the balancer's configuration would keep a cutover from working, for people; empty: nothing. Changes nothing. */
  problems(unit: BalancedUnit, signal?: AbortSignal): Promise<readonly string[]>;
}

/** A unit's frontends, as the fleet file has them. */
export type BalancedUnit = { readonly unit: UnitId; readonly balancer: UnitBalancer };

export type UnitBalancer =
  | {
      readonly type: 'haproxy';
      /** Of the fleet file's load balancers. */
      readonly loadBalancer: string;
      /** Path of the unit's map, as HAProxy's configuration names it. */
      readonly map: string;
      /** The same file, as the worker reaches it. */
      readonly mapFile: string;
      readonly frontends: readonly HaproxyFrontend[];
    }
  | { readonly type: 'elbv2'; readonly loadBalancer: string; readonly frontends: readonly ElbFrontend[] };

/** `backend` with `{slot}` in it; `server` with `{host}` and `{container}`: the member's own. */
export type HaproxyFrontend = { readonly service: ServiceId; readonly backend: string; readonly server: string };
/** ARNs: of a listener, or of one of its rules, and of a target group for each slot. */
export type ElbFrontend = {
  readonly service: ServiceId;
  readonly listener: string;
  readonly targetGroups: Readonly<Record<Slot, string>>;
};

/** `address`: `host:port` as the balancer reaches it. */
export type SlotServer = Pick<BalancedServer, 'name' | 'health' | 'sessions' | 'address' | 'state'> & {
  readonly service: ServiceId;
};

export type SlotTraffic = { readonly requests: number; readonly errors: number };

/** The key of a unit's HAProxy map. */
export const ACTIVE_KEY = 'active';

/** A member that takes requests; `address`: `host:port` as others reach it. */
export type ServingMember = { readonly host: HostId; readonly container: string; readonly address: string };

/** The server that stands for a member. HAProxy's go by a name that the fleet file makes, others by the member's address. */
export function memberServer<Server extends Pick<SlotServer, 'name' | 'address'>>(
  balancer: UnitBalancer,
  servers: readonly Server[],
  { host, container, address }: ServingMember,
): Server | null {
  if (balancer.type === 'elbv2') return servers.find((server) => server.address === address) ?? null;
  const names = balancer.frontends.map(({ server }) =>
    server.replaceAll('{host}', host).replaceAll('{container}', container),
  );
  return servers.find(({ name }) => names.includes(name)) ?? null;
}
