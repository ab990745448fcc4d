import {
  LoadBalancerError,
  type BalancedServer,
  type LoadBalancer,
  type ServerName,
  type ServerState,
} from '../../model/load-balancer.ts';

/** A load balancer of backends and servers in memory. Held to test/drivers/load-balancer-contract.ts. */
export class FakeLoadBalancer implements LoadBalancer {
  /** Every state that was set, in order: `web/host-1-web-1 drain`. */
  readonly told: string[] = [];
  readonly #name: string;
  readonly #backends = new Map<string, Map<string, BalancedServer>>();
  #isDown = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** A server that is ready, healthy and idle unless `changes` say otherwise. */
  add(backend: string, name: string, changes: Partial<BalancedServer> = {}): this {
    const server: BalancedServer = {
      ...{ name, state: 'ready', health: 'up', weight: 1, sessions: 0, address: '10.0.0.1:8080' },
      ...changes,
    };
    const servers = this.#backends.get(backend) ?? new Map<string, BalancedServer>();
    this.#backends.set(backend, servers.set(name, server));
    return this;
  }

  /** What nobody asks the balancer for: requests that come and end, checks that fail and pass. */
  change({ backend, server }: ServerName, changes: Pick<Partial<BalancedServer>, 'health' | 'sessions'>): void {
    this.#set({ backend, server }, changes);
  }

  down(): void {
    this.#isDown = true;
  }

  up(): void {
    this.#isDown = false;
  }

  async servers(backend: string, signal?: AbortSignal): Promise<readonly BalancedServer[]> {
    await this.#reach(signal);
    return [...this.#backend(backend).values()];
  }

  async setState({ backend, server }: ServerName, state: ServerState, signal?: AbortSignal): Promise<void> {
    await this.#reach(signal);
    this.#set({ backend, server }, { state });
    this.told.push(`${backend}/${server} ${state}`);
  }

  async setWeight(server: ServerName, weight: number, signal?: AbortSignal): Promise<void> {
    await this.#reach(signal);
    this.#set(server, { weight });
  }

  #set({ backend, server }: ServerName, changes: Partial<BalancedServer>): void {
    const servers = this.#backend(backend);
    const found = servers.get(server);
    if (found === undefined) throw this.#error('notFound', `backend ${backend} has no server ${server}`);
    servers.set(server, { ...found, ...changes });
  }

  #backend(name: string): Map<string, BalancedServer> {
    const found = this.#backends.get(name);
    if (found === undefined) throw this.#error('notFound', `there is no backend ${name}`);
    return found;
  }

  async #reach(signal: AbortSignal | undefined): Promise<void> {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (this.#isDown) throw this.#error('unreachable', 'does not answer');
  }

  #error(kind: LoadBalancerError['kind'], what: string): LoadBalancerError {
    return new LoadBalancerError(kind, `load balancer ${this.#name}: ${what}`);
  }
}
