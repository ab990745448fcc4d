/**
 * A load balancer's way to take a server out of service and back. Every call is bounded in time and idempotent; state is
 * what an operator set, health what the balancer's own checks see. HAProxy is the first driver.
 */
export interface LoadBalancer {
  /** Throws LoadBalancerError `notFound` when there is no such backend. */
  servers(backend: string, signal?: AbortSignal): Promise<readonly BalancedServer[]>;
  /** ready: takes requests · drain: finishes what it has, takes no new ones · maintenance: nothing at all, not even checks. */
  setState(server: ServerName, state: ServerState, signal?: AbortSignal): Promise<void>;
  /** 0–256 beside the others of its backend. */
  setWeight(server: ServerName, weight: number, signal?: AbortSignal): Promise<void>;
}

export type ServerName = { readonly backend: string; readonly server: string };
export type ServerPlace = ServerName & { readonly loadBalancer: string };
export type ServerState = 'ready' | 'drain' | 'maintenance';

export type BalancedServer = {
  readonly name: string;
  /** As an operator or refit set it. */
  readonly state: ServerState;
  /** unchecked: no check is configured. */
  readonly health: 'up' | 'down' | 'starting' | 'unchecked';
  readonly weight: number;
  /** Requests or connections at work on it now. */
  readonly sessions: number;
  readonly address: string;
};

/** By the balancer's own check, or because it has none. */
export const isHealthy = ({ health }: Pick<BalancedServer, 'health'>): boolean =>
  health === 'up' || health === 'unchecked';

export const placeName = ({ loadBalancer, backend, server }: ServerPlace): string =>
  `${backend}/${server} at ${loadBalancer}`;

/** unreachable: no answer · notFound: no such backend or server · refused: it answered no */
export type LoadBalancerFailure = 'unreachable' | 'deadline' | 'notFound' | 'refused';

/** The message names the balancer, its address and what was asked. */
export class LoadBalancerError extends Error {
  override readonly name = 'LoadBalancerError';
  readonly kind: LoadBalancerFailure;

  constructor(kind: LoadBalancerFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
