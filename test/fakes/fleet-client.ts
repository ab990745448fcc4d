import type { HostOnBus } from '../../client/bus-view.ts';
import { estimateTime } from '../../client/estimate.ts';
import {
  WrongInput,
  type FleetClient,
  type FleetDescription,
  type PlannedFleet,
  type PlanRequest,
} from '../../client/fleet-client.ts';
import { hostStatus, type HostStatus } from '../../client/fleet-status.ts';
import { openRelease } from '../../client/open-release.ts';
import { planFromReadings } from '../../client/plan-upgrade.ts';
import type { ServiceStatus } from '../../client/service-status.ts';
import type { UnitStatus } from '../../client/unit-status.ts';
import { Unreachable } from '../../client/unreachable.ts';
import { parseReference } from '../../drivers/oci/reference.ts';
import type { EngineInfo } from '../../model/engine.ts';
import { serviceOf, type Fleet } from '../../model/fleet.ts';
import {
  parseFleetId,
  parseServiceId,
  parseUnitId,
  type FleetId,
  type ServiceId,
  type UnitId,
} from '../../model/ids.ts';
import { RegistryError, type ReadRelease } from '../../model/registry.ts';
import { makeAlive, makeHostOnBus, makeReport, RELEASE } from '../client/bus-values.ts';
import { FakeContainers } from './client-containers.ts';
import { FakeServices } from './client-services.ts';
import { FakeUnitUpgrades } from './client-units.ts';
import { FakeUpgrades } from './client-upgrades.ts';
import { fleet as fleetOf } from './fleet.ts';
import { digestOf } from './release.ts';

const ENGINE: EngineInfo = {
  ...{ id: 'engine', name: 'engine', version: '20.10.24', architecture: 'x86_64', kernel: '6.1.0-18' },
  ...{ rootDir: '/var/lib/docker', storageDriver: 'overlay2', containers: 0, running: 0 },
};

export type FakeFleetOptions = {
  readonly name?: string;
  readonly hosts?: number;
  readonly services?: readonly string[];
  readonly units?: readonly string[];
};

/**
 * A fleet's client in memory, whose upgrades move by a test's hand:
 *
 * 1. `publish` puts a release into its registry; `upgrades.move`, and the same of containers, services and units, changes how far one is.
 * 2. Commands are judged as workflows judge them, and recorded in the progress's decisions.
 * 3. With `away` set nobody answers, and it says who.
 */
export class FakeFleetClient implements FleetClient {
  readonly fleet: FleetId;
  /** As the fleet file would have it. */
  readonly file: Fleet;
  readonly upgrades: FakeUpgrades;
  readonly containers: FakeContainers;
  readonly services: FakeServices;
  readonly units: FakeUnitUpgrades;
  /** What the bus says of each host; all are on 1.0.0. */
  hosts: readonly HostOnBus[];
  away: string | null = null;
  isClosed = false;
  /** References that no registry has, of services' images; all others are there. */
  readonly missing = new Set<string>();
  readonly #releases = new Map<string, ReadRelease>();

  constructor({ name = 'lab', hosts = 3, services = ['web'], units = ['shop'] }: FakeFleetOptions = {}) {
    this.fleet = parseFleetId(name);
    this.file = {
      ...{ ...fleetOf(hosts), fleet: this.fleet },
      services: services.map((service) => serviceOf({ services: [] }, parseServiceId(service))),
      units: units.map((unit) => ({ name: parseUnitId(unit), balancer: null, files: {} })),
    };
    this.hosts = this.file.hosts.map((host) => hostOnBus(host.name));
    const world = { file: this.file, reach: () => this.#reach(), find: this.#assertImage };
    this.upgrades = new FakeUpgrades(world);
    this.containers = new FakeContainers(world);
    this.services = new FakeServices(world);
    this.units = new FakeUnitUpgrades(world);
  }

  /** By its tag, its version unless said, and by its digest; gives the reference by tag. */
  publish(read: ReadRelease, tag = read.ref.version): string {
    const { repository, digest } = read.ref;
    this.#releases.set(`${repository}:${tag}`, read).set(`${repository}@${digest}`, read);
    return `${repository}:${tag}`;
  }

  /** All that is at work goes to its end. */
  finish(): void {
    for (const kind of [this.upgrades, this.containers, this.services, this.units]) kind.finish();
  }

  async describe(): Promise<FleetDescription> {
    await Promise.resolve();
    return {
      fleet: this.fleet,
      hosts: this.file.hosts.map(({ name, labels }) => ({ name, labels })),
      services: this.file.services.map(({ name }) => name),
      units: this.file.units.map(({ name }) => name),
      ui: this.file.temporal?.ui ?? null,
    };
  }

  async status(): Promise<readonly HostStatus[]> {
    await this.#reach();
    return this.hosts.map((host) => hostStatus(host, ENGINE));
  }

  async readRelease(reference: string): Promise<ReadRelease> {
    await this.#reach();
    return this.#find(reference);
  }

  async plan({ reference, policy }: PlanRequest): Promise<PlannedFleet> {
    const read = await openRelease(this, reference);
    const planned = await planFromReadings(
      {
        fleet: this.file,
        read,
        policy,
        registry: { readRelease: this.#ofChain, sizeOf: async () => Promise.resolve(1_000) },
      },
      this.hosts.map((host) => ({ host, engine: ENGINE })),
    );
    return { ...planned, reference, estimate: estimateTime(this.upgrades.ended(), planned.hops) };
  }

  async serviceStatus(name: ServiceId): Promise<ServiceStatus> {
    await this.#reach();
    return { service: serviceOf(this.file, name), members: this.services.members(name), problems: [] };
  }

  async unitStatus(unit: UnitId): Promise<UnitStatus> {
    await this.#reach();
    return { unit, containers: [], balancer: null, problems: [] };
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.isClosed = true;
  }

  readonly #ofChain = async (reference: string): Promise<ReadRelease> => {
    await Promise.resolve();
    const read = this.#releases.get(reference);
    if (read === undefined) throw new RegistryError('notFound', `there is no ${reference}`);
    return read;
  };

  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.away !== null) throw new Unreachable(this.away);
  }

  readonly #assertImage = (image: string, field: string): void => {
    assertReference(image, field);
    if (this.missing.has(image)) throw new WrongInput(field, `the registry has no ${image}; nothing was changed`);
  };

  #find(reference: string): ReadRelease {
    assertReference(reference, 'reference');
    const read = this.#releases.get(reference);
    if (read !== undefined) return read;
    throw new WrongInput('reference', `the registry has no ${reference}; nothing was changed`);
  }
}

function assertReference(text: string, field: string): void {
  try {
    parseReference(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new WrongInput(field, `${error.message}; nothing was changed`, { cause: error });
  }
}

function hostOnBus(name: string): HostOnBus {
  const installed = { ...RELEASE, version: '1.0.0', digest: digestOf('1') };
  return { ...makeHostOnBus(name), alive: makeAlive({ installed }), report: makeReport({ installed }) };
}
