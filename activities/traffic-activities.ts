import type { FleetId, HostId, UpgradeId } from '../model/ids.ts';
import type { ServerPlace } from '../model/load-balancer.ts';
import type { Finding } from '../model/upgrade.ts';

/** What takes a host's members out of traffic while the host is worked on. As the others: at least once, and perhaps twice at the same time. */
export interface TrafficActivities {
  /** The servers of the host's members that take requests and can do without. Changes nothing: what it names outlives any worker. */
  findHostServers(input: HostTrafficInput): Promise<HostServers>;
  /** Those of the servers that are drained, idle or not; the others serve on, for nobody else would. */
  drainHost(input: SteerHostInput): Promise<HostServers>;
  /** Those of the servers that are drained still: a balancer that does not answer is asked again, and given up at last. */
  admitHost(input: SteerHostInput): Promise<HostServers>;
}

export type HostTrafficInput = { readonly fleet: FleetId; readonly upgrade: UpgradeId; readonly host: HostId };
export type SteerHostInput = HostTrafficInput & {
  readonly servers: readonly ServerPlace[];
  /** Longest wait for them to have nothing to do, or to be healthy; ms. */
  readonly waitMs: number;
};
export type HostServers = { readonly servers: readonly ServerPlace[]; readonly findings: readonly Finding[] };

/** Servers of one host that are steered; an answer of more would be too large. The rest serves on. */
export const MAX_HOST_SERVERS = 48;
