import type { FleetId, HostId, ServiceId, UnitId } from './ids.ts';
import { SERVICE_LABEL, type Service, type ServiceBalancer } from './service.ts';
import type { UnitBalancer } from './slot-balancer.ts';
import { fillSlot } from './unit-tokens.ts';
import { slots, unitLabels } from './unit.ts';

/** All hosts of one platform, as the fleet file names them. Paths are absolute once loaded. */
export type Fleet = {
  readonly fleet: FleetId;
  readonly hosts: readonly FleetHost[];
  readonly etcd: {
    /** As the worker reaches them. */
    readonly endpoints: readonly string[];
    /** As the hosts reach them. */
    readonly hostEndpoints: readonly string[];
    readonly tls: TlsFiles | null;
    /** Paths on the hosts. */
    readonly hostTls: TlsFiles | null;
  };
  /** Where the worker reaches a registry, by the name that images carry; absent: https at that name. */
  readonly registries: Readonly<Record<string, RegistryAccess>>;
  readonly loadBalancers: readonly FleetLoadBalancer[];
  /** Services whose members or balancer are not what their name alone says. */
  readonly services: readonly Service[];
  readonly units: readonly FleetUnit[];
  readonly temporal: FleetTemporal | null;
};

export type FleetTemporal = {
  readonly address: string;
  /** Fleets that must not see each other have one each. */
  readonly namespace: string;
  readonly ui: string | null;
  /** As whom worker, command line and API connect; null: without TLS, unless the environment says otherwise. */
  readonly tls: (TlsFiles & ServerName) | null;
  /** A token for servers that want one, read when it is used; null: none. */
  readonly apiKeyFile: string | null;
};

/** The name in the server's certificate, where it is reached by another one; null: by that. */
export type ServerName = { readonly serverName: string | null };

export type FleetHost = {
  readonly name: HostId;
  readonly engine: EngineAccess;
  /** As other hosts, load balancers and the worker reach it: a name or an address. null: nothing says it. */
  readonly address: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly carries: Carried;
};

/** What of refit's own infrastructure runs on a host; it goes late, and never with another member of etcd. */
export type Carried = {
  /** The etcd member there, as this host reaches it; null: none. */
  readonly etcd: string | null;
  /** Containers of worker and API. */
  readonly upgrader: boolean;
  readonly temporal: boolean;
};

/**
 * haproxy, `endpoint`: its runtime API, `unix:///path` or `tcp://host:port`, as the worker reaches it · elbv2: AWS Elastic Load
 * Balancing; credentials come from the official client's own places, `endpoint` null: AWS's own of the region.
 */
export type FleetLoadBalancer =
  | { readonly name: string; readonly type: 'haproxy'; readonly endpoint: string }
  | { readonly name: string; readonly type: 'elbv2'; readonly region: string; readonly endpoint: string | null };

export type Haproxy = Extract<FleetLoadBalancer, { readonly type: 'haproxy' }>;

/** What of a unit belongs to the site. */
export type FleetUnit = {
  readonly name: UnitId;
  /** null: nothing switches requests; only for a unit without frontends. */
  readonly balancer: UnitBalancer | null;
  /** Paths on the worker's disk, by the names that the release's `files` have for them. */
  readonly files: Readonly<Record<string, string>>;
};

/** `unix:///path`, `tcp://host:port` (with TLS files) or `ssh://user@host`. */
export type EngineAccess = { readonly endpoint: string; readonly tls: TlsFiles | null };
export type TlsFiles = { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
/** `credentialsFile`: JSON `{ "username": …, "password": … }`, read when used, never copied. */
export type RegistryAccess = { readonly endpoint: string; readonly credentialsFile: string | null };

/** As the fleet file has it; a service that it does not name has its members by their label, and no load balancer. */
export const serviceOf = ({ services }: Pick<Fleet, 'services'>, name: ServiceId): Service =>
  services.find((service) => service.name === name) ?? { name, selector: { [SERVICE_LABEL]: name }, balancer: null };

/** The one load balancer that can take single servers out; null: the fleet file has none of that name. */
export const haproxyOf = ({ loadBalancers }: Pick<Fleet, 'loadBalancers'>, wanted: string): Haproxy | null =>
  loadBalancers.find((one): one is Haproxy => one.type === 'haproxy' && one.name === wanted) ?? null;

/** Everything whose members a load balancer's servers stand for: services, and the slots of units behind one that knows single servers. */
export const balancedServices = ({
  services,
  units,
}: Pick<Fleet, 'services' | 'units'>): readonly BalancedService[] => [
  ...services.flatMap(({ balancer, ...service }) => (balancer === null ? [] : [{ ...service, balancer }])),
  ...units.flatMap(slotServices),
];
export type BalancedService = Service & { readonly balancer: ServiceBalancer };

function slotServices({ name: unit, balancer }: FleetUnit): readonly BalancedService[] {
  if (balancer?.type !== 'haproxy') return [];
  const { loadBalancer, frontends } = balancer;
  return frontends.flatMap(({ service, backend, server }) =>
    slots.map((slot) => ({
      name: service,
      selector: { [unitLabels.unit]: unit, [unitLabels.slot]: slot, [unitLabels.service]: service },
      balancer: { loadBalancer, backend: fillSlot(backend, slot), server },
    })),
  );
}
