import type {
  Alive,
  Baton,
  Chain,
  Epoch,
  Hold,
  HostFacts,
  MemberLevel,
  MigrationLock,
  Order,
  Report,
} from '../model/bus.ts';
import type { Engine } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import type { LoadBalancer } from '../model/load-balancer.ts';
import type { Bus, Clock } from '../model/ports.ts';
import type { Registry } from '../model/registry.ts';
import type { SlotBalancer } from '../model/slot-balancer.ts';
import type { WorkerVersions } from '../model/upgrader.ts';
import type { Versions } from '../model/versions.ts';

/** Everything that the activities touch; the worker puts the real ones here. */
export type Ports = {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly values: BusValues;
  readonly registry: Registry;
  /** The host's own Docker Engine; the same object for the same host. */
  readonly engine: (host: HostId) => Engine;
  /** One of the fleet file's, by its name there. */
  readonly loadBalancer: (name: string) => LoadBalancer;
  /** The same, as what switches units between their slots. */
  readonly slotBalancer: (name: string) => SlotBalancer;
  /** A file that a unit's container gets, at most MAX_UNIT_FILE_BYTES; read when used, never kept. */
  readonly readUnitFile: (path: string) => Promise<Uint8Array>;
  /** Lines `NAME=value` of a file on the worker's disk; read when used, never kept. */
  readonly readEnvFile: (file: string) => Promise<Readonly<Record<string, string>>>;
  /** Read at each use: a host added to the fleet file is there without a new worker. */
  readonly loadFleet: () => Fleet;
  /** What an engine needs to pull from the image's registry; null: nothing. Read when used, never kept. */
  readonly registryAuth: (image: string) => Promise<{ readonly username: string; readonly password: string } | null>;
  readonly versions: Versions;
  /** Of this fleet, as Temporal knows them. */
  readonly workerVersions: WorkerVersions;
  readonly etcdHealth: (signal: AbortSignal) => Promise<EtcdHealth>;
};

/** Members that the fleet file names, and how many of them say of themselves that they are healthy. */
export type EtcdHealth = { readonly members: number; readonly unhealthy: readonly string[] };

export type Parsed<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problem: string };

/** The border between the bus's text and the model. */
export interface BusValues {
  parseOrder(text: string): Parsed<Order>;
  parseReport(text: string): Parsed<Report>;
  parseAlive(text: string): Parsed<Alive>;
  parseEpoch(text: string): Parsed<Epoch>;
  parseBaton(text: string): Parsed<Baton>;
  parseHold(text: string): Parsed<Hold>;
  parseMemberLevel(text: string): Parsed<MemberLevel>;
  parseMigrationLock(text: string): Parsed<MigrationLock>;
  parseHostFacts(text: string): Parsed<HostFacts>;
  encodeBusValue(value: Order | Report | Alive | Epoch | Chain | Baton | Hold | MemberLevel | MigrationLock): string;
}
