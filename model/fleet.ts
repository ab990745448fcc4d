import type { FleetId, HostId, ServiceId } from './ids.ts';
import { SERVICE_LABEL, type Service } from './service.ts';

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
  readonly temporal: { readonly address: string; readonly namespace: string; readonly ui: string | null } | null;
};

export type FleetHost = {
  readonly name: HostId;
  readonly engine: EngineAccess;
  readonly labels: Readonly<Record<string, string>>;
};

/** `endpoint`: HAProxy's runtime API, `unix:///path` or `tcp://host:port`, as the worker reaches it. */
export type FleetLoadBalancer = { readonly name: string; readonly type: 'haproxy'; readonly endpoint: string };

/** `unix:///path`, `tcp://host:port` (with TLS files) or `ssh://user@host`. */
export type EngineAccess = { readonly endpoint: string; readonly tls: TlsFiles | null };
export type TlsFiles = { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
/** `credentialsFile`: JSON `{ "username": …, "password": … }`, read when used, never copied. */
export type RegistryAccess = { readonly endpoint: string; readonly credentialsFile: string | null };

/** As the fleet file has it; a service that it does not name has its members by their label, and no load balancer. */
export const serviceOf = ({ services }: Pick<Fleet, 'services'>, name: ServiceId): Service =>
  services.find((service) => service.name === name) ?? { name, selector: { [SERVICE_LABEL]: name }, balancer: null };
