import { isHealthy, type BalancedServer, type ServerPlace } from '../model/load-balancer.ts';
import type { HostId } from '../model/ids.ts';
import type { Finding, HostHeartbeat } from '../model/upgrade.ts';

/** A host's servers of one backend: together they are drained, or none of them. */
export type HostBackend = {
  readonly loadBalancer: string;
  readonly backend: string;
  readonly servers: readonly ServerPlace[];
};

export function byBackend(places: readonly ServerPlace[]): readonly HostBackend[] {
  const found = new Map<string, HostBackend & { readonly servers: ServerPlace[] }>();
  for (const place of places) {
    const { loadBalancer, backend } = place;
    const key = JSON.stringify([loadBalancer, backend]);
    const group = found.get(key) ?? { loadBalancer, backend, servers: [] };
    group.servers.push(place);
    found.set(key, group);
  }
  return [...found.values()];
}

export const ownServers = (
  { servers }: Pick<HostBackend, 'servers'>,
  found: readonly BalancedServer[],
): readonly BalancedServer[] => found.filter(({ name }) => servers.some(({ server }) => server === name));

/** Whether the backend has a server beside the host's that takes requests. */
export function hasOthers(backend: Pick<HostBackend, 'servers'>, found: readonly BalancedServer[]): boolean {
  const own = ownServers(backend, found);
  return found.some((server) => !own.includes(server) && server.state === 'ready' && isHealthy(server));
}

/** As an order's, so that the live view shows it. */
export const trafficBeat = (host: HostId, step: string): HostHeartbeat => ({
  ...{ host, step, phase: null, attempt: null, bytes: null, totalBytes: null },
  ...{ alive: true, lastSeen: null, position: null },
});

/** Times that an earlier attempt told: all attempts share them. */
export function earlierTimes(details: unknown): { readonly tried: number | null; readonly since: number | null } {
  if (typeof details !== 'object' || details === null) return { tried: null, since: null };
  const tried = 'tried' in details && typeof details.tried === 'number' ? details.tried : null;
  const since = 'since' in details && typeof details.since === 'number' ? details.since : null;
  return { tried, since };
}

export const lastServers = (host: HostId, { backend, loadBalancer }: HostBackend): Finding =>
  warning(
    host,
    `its members stay in traffic: backend ${backend} at ${loadBalancer} has no other server that is ready and healthy`,
    'run members of the service on another host as well',
  );

export const warning = (host: HostId, what: string, remedy: string): Finding => ({
  ...{ host, severity: 'warning', what, remedy },
});
