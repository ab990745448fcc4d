import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import { LoadBalancerError, type LoadBalancer } from '../model/load-balancer.ts';
import type { Finding } from '../model/upgrade.ts';
import { whileBeating } from './beating.ts';
import {
  byBackend,
  earlierTimes,
  hasOthers,
  lastServers,
  ownServers,
  trafficBeat,
  warning,
  type HostBackend,
} from './host-backends.ts';
import type { Ports } from './ports.ts';
import type { HostServers, SteerHostInput, TrafficActivities } from './traffic-activities.ts';

/** Time between two looks at the balancer; ms. It is time that the members serve nobody. */
const LOOK_MS = 100;
/** Looks in a row that must find nothing to do: a request may be on its way to a server when its state changes. */
const IDLE_LOOKS = 2;

type DrainPorts = Pick<Ports, 'loadBalancer' | 'clock'>;
type Draining = {
  readonly ports: DrainPorts;
  readonly input: SteerHostInput;
  readonly until: number;
  readonly signal: AbortSignal;
};

/**
 * Idempotent: what is drained already is drained.
 *
 * 1. A server that somebody has put into maintenance meanwhile stays there.
 * 2. A backend is never left without a server that takes requests: looked at before, and after, for another host may be
 *    drained at the same time. Both may then serve on.
 * 3. All attempts share one time to wait. A balancer that does not answer holds nothing up, and what may be drained counts as drained.
 */
export function createDrainHost(ports: DrainPorts): TrafficActivities['drainHost'] {
  return async (input) => {
    const since = earlierTimes(activityInfo().heartbeatDetails).since ?? ports.clock.now();
    const beat = { ...trafficBeat(input.host, 'draining its members'), since };
    const draining = { ports, input, until: since + input.waitMs, signal: cancellationSignal() };
    const drained = await whileBeating(
      () => beat,
      async () => drain(draining),
    );
    log.info('host drained', { host: input.host, ...drained });
    return drained;
  };
}

async function drain(draining: Draining): Promise<HostServers> {
  const { host, servers } = draining.input;
  const drained: HostBackend[] = [];
  const findings: Finding[] = [];
  for (const backend of byBackend(servers)) {
    const end = await unlessAway(draining, backend, async (balancer) => drainBackend(draining, backend, balancer));
    if (end === 'kept') findings.push(lastServers(host, backend));
    else drained.push(backend);
    if (typeof end === 'object') findings.push(end);
  }
  for (const backend of drained) {
    const end = await unlessAway(draining, backend, async (balancer) => awaitIdle(draining, backend, balancer));
    if (typeof end === 'object' && findings.length === 0) findings.push(end);
  }
  return { servers: drained.flatMap((backend) => backend.servers), findings };
}

async function drainBackend(
  { signal }: Draining,
  group: HostBackend,
  balancer: LoadBalancer,
): Promise<'drained' | 'kept'> {
  const { backend } = group;
  const before = await balancer.servers(backend, signal);
  if (hasOthers(group, before)) {
    for (const { name, state } of ownServers(group, before)) {
      if (state === 'ready') await balancer.setState({ backend, server: name }, 'drain', signal);
    }
  }
  const after = await balancer.servers(backend, signal);
  if (hasOthers(group, after)) return 'drained';
  for (const { name, state } of ownServers(group, after)) {
    if (state === 'drain') await balancer.setState({ backend, server: name }, 'ready', signal);
  }
  return 'kept';
}

async function awaitIdle(
  { ports, until, signal }: Draining,
  group: HostBackend,
  balancer: LoadBalancer,
): Promise<'idle' | 'busy'> {
  for (let idleLooks = 0; ;) {
    const own = ownServers(group, await balancer.servers(group.backend, signal));
    idleLooks = own.every(({ sessions }) => sessions === 0) ? idleLooks + 1 : 0;
    if (idleLooks >= IDLE_LOOKS) return 'idle';
    if (ports.clock.now() >= until) return 'busy';
    await ports.clock.sleep(LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** A host's upgrade does not wait for a balancer: requests fail shorter than an upgrade stands still. */
async function unlessAway<Result extends string>(
  { ports, input, signal }: Draining,
  { loadBalancer }: HostBackend,
  step: (balancer: LoadBalancer) => Promise<Result>,
): Promise<Result | Finding> {
  try {
    return await step(ports.loadBalancer(loadBalancer));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LoadBalancerError)) throw error;
    const what = `its members may still be in traffic: ${error.message}`;
    return warning(input.host, what, 'mend the load balancer, or the service in the fleet file');
  }
}
