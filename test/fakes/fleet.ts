import type { FleetId, HostId } from '../../model/ids.ts';
import { parseFleetId, parseHostId } from '../../model/ids.ts';
import type { Fleet } from '../../model/fleet.ts';

export const fleetId: FleetId = parseFleetId('lab');

/** host-1 … host-N. */
export const hostIds = (count: number): readonly HostId[] =>
  Array.from({ length: count }, (_, index) => parseHostId(`host-${index + 1}`));

export const fleet = (count: number): Fleet => ({
  fleet: fleetId,
  hosts: hostIds(count).map((name) => ({
    name,
    engine: { endpoint: `unix:///${name}.sock`, tls: null },
    address: null,
    labels: {},
    carries: { etcd: null, upgrader: false, temporal: false },
  })),
  etcd: { endpoints: ['http://127.0.0.1:2379'], hostEndpoints: ['http://host-1:2379'], tls: null, hostTls: null },
  registries: {},
  loadBalancers: [],
  services: [],
  units: [],
  temporal: null,
});
