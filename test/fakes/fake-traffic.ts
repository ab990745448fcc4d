import { createTrafficActivities } from '../../activities/create-traffic.ts';
import type { TrafficActivities } from '../../activities/traffic-activities.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseServiceId, type FleetId, type HostId } from '../../model/ids.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import { systemClock } from '../../worker/ports.ts';
import { FakeEngine } from './engine.ts';
import { fleet } from './fleet.ts';
import { FakeLoadBalancer } from './load-balancer.ts';

const balancer = { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' };

/** A service `web` with one member a host behind a load balancer in memory; the steps on it are the real ones. */
export class FakeTraffic {
  readonly edge = new FakeLoadBalancer('edge');
  readonly engines: ReadonlyMap<HostId, FakeEngine>;
  readonly activities: TrafficActivities;

  constructor(name: FleetId, hosts: readonly HostId[], changed: (event: string) => void) {
    const labels = { [SERVICE_LABEL]: 'web' };
    this.engines = new Map(hosts.map((host) => [host, new FakeEngine(host)]));
    for (const [host, engine] of this.engines) {
      engine.run('web-1', 'registry.lab:5000/web@sha256:1', labels);
      this.edge.add('web', `${host}-web-1`);
    }
    const setState = this.edge.setState.bind(this.edge);
    this.edge.setState = async (server, state, signal) => {
      await setState(server, state, signal);
      changed(`${state} ${server.server}`);
    };
    const services = [{ name: parseServiceId('web'), selector: labels, balancer }];
    const loaded: Fleet = { ...fleet(hosts.length), fleet: name, services };
    this.activities = createTrafficActivities({
      engine: (host) => this.engines.get(host) ?? new FakeEngine(host),
      loadFleet: () => loaded,
      loadBalancer: () => this.edge,
      clock: systemClock,
    });
  }

  async stateOf(server: string): Promise<string> {
    const found = (await this.edge.servers('web')).find(({ name }) => name === server);
    return found?.state ?? 'gone';
  }
}
