import type { Finding } from '../model/upgrade.ts';
import type { FleetId, HostId, ServiceId, UnitId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import type { ReadRelease } from '../model/registry.ts';
import type { Containers } from './containers.ts';
import type { Estimate } from './estimate.ts';
import type { HostStatus } from './fleet-status.ts';
import type { PlannedUpgrade } from './plan-upgrade.ts';
import type { ServiceStatus } from './service-status.ts';
import type { Services } from './services.ts';
import type { UnitStatus } from './unit-status.ts';
import type { Units } from './units.ts';
import type { Upgrades } from './upgrades.ts';

/**
 * All that people and programs ask of one fleet: the command line and the API speak to nothing else.
 *
 * 1. `openFleetClient(fleet)` works straight against Temporal, the bus, engines and registries; `openRemoteFleet(url)` through
 *    an API. Both keep one contract, and one test asks both.
 * 2. Whoever does not answer is Unreachable. What is wrong with the input is a WrongInput that names the field; nothing is changed then.
 * 3. Connections are opened at the first use, so that what needs no Temporal works without it, and all end with `close`.
 */
export interface FleetClient {
  readonly fleet: FleetId;
  /** What the fleet file says of it, without endpoints and files. */
  describe(): Promise<FleetDescription>;
  status(): Promise<readonly HostStatus[]>;
  readRelease(reference: string): Promise<ReadRelease>;
  /** Nothing is started. */
  plan(request: PlanRequest): Promise<PlannedFleet>;
  serviceStatus(service: ServiceId): Promise<ServiceStatus>;
  unitStatus(unit: UnitId): Promise<UnitStatus>;
  readonly upgrades: Upgrades;
  readonly containers: Containers;
  readonly services: Services;
  readonly units: Units;
  close(): Promise<void>;
}

export type FleetDescription = {
  readonly fleet: FleetId;
  readonly hosts: readonly { readonly name: HostId; readonly labels: Readonly<Record<string, string>> }[];
  readonly services: readonly ServiceId[];
  readonly units: readonly UnitId[];
  /** Temporal's Web UI; null: the fleet file names none. */
  readonly ui: string | null;
};

export type PlanRequest = { readonly reference: string; readonly policy: Policy };
export type PlannedFleet = PlannedUpgrade & { readonly reference: string; readonly estimate: Estimate };
export type { Finding };

/** What was asked for can't be, whoever asks: nothing was changed. `field`: such as `reference`, or `policy.install`. */
export class WrongInput extends Error {
  override readonly name = 'WrongInput';
  readonly field: string;

  constructor(field: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.field = field;
  }
}
