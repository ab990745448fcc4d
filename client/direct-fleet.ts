import type { Fleet } from '../model/fleet.ts';
import { askRegistry } from './ask-registry.ts';
import { readHosts } from './bus-view.ts';
import { containersOf, type Containers } from './containers.ts';
import { earlierUpgrades } from './earlier-upgrades.ts';
import { estimateTime } from './estimate.ts';
import type { FleetClient, FleetDescription, PlannedFleet, PlanRequest } from './fleet-client.ts';
import { openFleetRegistry, type AllowedRegistries, type FleetRegistry } from './fleet-registry.ts';
import { fleetStatus } from './fleet-status.ts';
import { assertContainer } from './known-names.ts';
import { openRelease } from './open-release.ts';
import { assertUnitOfFleet } from './open-unit.ts';
import { planUpgrade } from './plan-upgrade.ts';
import { resolveService } from './resolve-service.ts';
import { readLevels, serviceStatus } from './service-status.ts';
import { servicesOf, type Services } from './services.ts';
import { shareTemporal, type SharedTemporal } from './shared-temporal.ts';
import { unitsOf, type Units } from './units.ts';
import { upgradesOf, type Upgrades } from './upgrades.ts';

/** `registries`: which ones references may name; `any` unless said. */
export type DirectOptions = { readonly registries?: AllowedRegistries };

/** Straight by Temporal, the bus, engines and registries, each opened when it is first needed. */
export function openFleetClient(fleet: Fleet, { registries = 'any' }: DirectOptions = {}): FleetClient {
  const temporal = shareTemporal(fleet);
  const registry = openFleetRegistry(fleet, registries);
  const upgrades = openUpgrades(fleet, temporal);
  const readRelease: FleetClient['readRelease'] = (reference) => registry.readRelease(reference, 'reference');
  return {
    fleet: fleet.fleet,
    describe: () => Promise.resolve(describeFleet(fleet)),
    status: () => fleetStatus(fleet),
    readRelease,
    plan: (request) => plan(fleet, request, { readRelease, upgrades }),
    serviceStatus: (service) => serviceStatus(fleet, service),
    unitStatus: async (unit) => {
      // Clients of load balancers are large: nothing else needs them.
      const { unitStatus } = await import('./unit-status.ts');
      return unitStatus(fleet, unit);
    },
    upgrades,
    containers: openContainers(fleet, temporal, registry),
    services: openServices(fleet, temporal, registry),
    units: openUnits(fleet, temporal, registry),
    close: temporal.close,
  };
}

/** Without endpoints and files: these are for whoever runs the platform. */
export const describeFleet = ({ fleet, hosts, services, units, temporal }: Fleet): FleetDescription => ({
  fleet,
  hosts: hosts.map(({ name, labels }) => ({ name, labels })),
  services: services.map(({ name }) => name),
  units: units.map(({ name }) => name),
  ui: temporal?.ui ?? null,
});

async function plan(
  fleet: Fleet,
  { reference, policy }: PlanRequest,
  { readRelease, upgrades }: Pick<FleetClient, 'readRelease' | 'upgrades'>,
): Promise<PlannedFleet> {
  const read = await openRelease({ fleet: fleet.fleet, readRelease }, reference);
  const [planned, earlier] = await Promise.all([
    askRegistry('reference', () => planUpgrade({ fleet, read, policy })),
    earlierUpgrades(upgrades),
  ]);
  return { ...planned, reference, estimate: estimateTime(earlier, planned.hops) };
}

function openUpgrades(fleet: Fleet, temporal: SharedTemporal): Upgrades {
  const upgrades = upgradesOf(fleet.fleet, temporal);
  return {
    ...upgrades,
    start: async (request) => {
      // An upgrade that can't speak to its hosts would only wait: better said before it begins.
      await readHosts(fleet);
      return upgrades.start(request);
    },
  };
}

/** Whatever can be wrong with the names is said before anybody is asked. */
function openContainers(fleet: Fleet, temporal: SharedTemporal, registry: FleetRegistry): Containers {
  const containers = containersOf(fleet.fleet, temporal);
  return {
    ...containers,
    start: async (request) => {
      const { container, action } = request;
      assertContainer(fleet, container);
      if (action.action === 'upgrade') registry.assertAllowed(action.image, 'image');
      return containers.start(request);
    },
    latest: async (container) => {
      assertContainer(fleet, container);
      return containers.latest(container);
    },
  };
}

function openServices(fleet: Fleet, temporal: SharedTemporal, registry: FleetRegistry): Services {
  const services = servicesOf(fleet.fleet, temporal);
  return {
    ...services,
    start: async (request) => {
      const resolved = await resolveService(fleet, request, registry);
      // An upgrade that can't tell the bus of its members would only wait: better said before it begins.
      await readLevels(fleet, request.service);
      return services.start(resolved);
    },
  };
}

function openUnits(fleet: Fleet, temporal: SharedTemporal, registry: FleetRegistry): Units {
  const units = unitsOf(fleet.fleet, temporal);
  return {
    ...units,
    start: async (request) => {
      await assertUnitOfFleet(fleet, request, registry);
      return units.start(request);
    },
  };
}
