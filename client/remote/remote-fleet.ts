import { fleetListSchema, fleetSchema, hostPageSchema } from '../api/schemas/fleet.ts';
import { planSchema } from '../api/schemas/plan.ts';
import { releaseSchema } from '../api/schemas/release.ts';
import { serviceStatusSchema } from '../api/schemas/service.ts';
import { unitStatusSchema } from '../api/schemas/unit.ts';
import { WrongInput, type FleetClient, type PlannedFleet, type PlanRequest } from '../fleet-client.ts';
import type { FleetId } from '../../model/ids.ts';
import type { HostStatus } from '../fleet-status.ts';
import { openAccess, type ApiAccess } from './access.ts';
import { createApi, type Api } from './call.ts';
import { readPages } from './pages.ts';
import { remoteContainers } from './remote-containers.ts';
import { remoteServices } from './remote-services.ts';
import { remoteUnits } from './remote-units.ts';
import { remoteUpgrades } from './remote-upgrades.ts';
import { openTransport } from './transport.ts';

/** A fleet by way of an API. Throws WrongInput when the token sees no such fleet, or several and none is named. */
export async function openRemoteFleet(access: ApiAccess): Promise<FleetClient> {
  const opened = openAccess(access);
  const transport = openTransport(opened);
  const api = createApi(transport);
  try {
    return fleetOf(api, await findFleet(api, opened.fleet));
  } catch (error) {
    transport.close();
    throw error;
  }
}

async function findFleet(api: Api, wanted: string | null): Promise<FleetId> {
  const { fleets } = await api.get('/v1/fleets', fleetListSchema);
  const { address } = api.transport;
  const names = fleets.map(({ fleet }) => fleet);
  const [only] = names;
  if (wanted === null && names.length === 1 && only !== undefined) return only;
  const found = names.find((name) => name === wanted);
  if (found !== undefined) return found;
  const there = names.length === 0 ? 'this token sees none' : `this token sees ${names.join(', ')}`;
  const next = `name one at the end of the address, such as ${address}/v1/fleets/${only ?? 'NAME'}`;
  if (wanted === null)
    throw new WrongInput('api', `the API at ${address} is of several fleets, or none: ${there}; ${next}`);
  throw new WrongInput('api', `the API at ${address} has no fleet ${wanted}: ${there}; nothing was changed`);
}

function fleetOf(api: Api, fleet: FleetId): FleetClient {
  const root = `/v1/fleets/${fleet}`;
  return {
    fleet,
    describe: () => api.get(root, fleetSchema),
    status: () => readStatus(api, root),
    readRelease: (reference) =>
      api.get(`${root}/releases?${new URLSearchParams({ reference }).toString()}`, releaseSchema),
    plan: (request) => plan(api, root, request),
    serviceStatus: (service) => api.get(`${root}/services/${service}`, serviceStatusSchema),
    unitStatus: (unit) => api.get(`${root}/units/${unit}`, unitStatusSchema),
    upgrades: remoteUpgrades(api, root, fleet),
    containers: remoteContainers(api, root),
    services: remoteServices(api, root),
    units: remoteUnits(api, root),
    close: async () => {
      await Promise.resolve();
      api.transport.close();
    },
  };
}

const readStatus = (api: Api, root: string): Promise<readonly HostStatus[]> =>
  readPages(async (query) => {
    const { hosts, nextCursor } = await api.get(`${root}/hosts?${query}`, hostPageSchema);
    return { items: hosts, nextCursor };
  });

async function plan(api: Api, root: string, request: PlanRequest): Promise<PlannedFleet> {
  const posted = await api.post(`${root}/plans`, request, planSchema);
  if (posted.outcome === 'done') return posted.value;
  throw new WrongInput('reference', posted.because);
}
