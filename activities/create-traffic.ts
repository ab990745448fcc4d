import { createAdmitHost } from './admit-host.ts';
import { createDrainHost } from './drain-host.ts';
import { createFindHostServers } from './host-servers.ts';
import type { Ports } from './ports.ts';
import type { TrafficActivities } from './traffic-activities.ts';

/** The activities that take a host's members out of traffic and put them back. */
export function createTrafficActivities(
  ports: Pick<Ports, 'engine' | 'loadFleet' | 'loadBalancer' | 'clock'>,
): TrafficActivities {
  return {
    findHostServers: createFindHostServers(ports),
    drainHost: createDrainHost(ports),
    admitHost: createAdmitHost(ports),
  };
}
