import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import {
  isHealthy,
  LoadBalancerError,
  placeName,
  type BalancedServer,
  type ServerPlace,
} from '../model/load-balancer.ts';
import type { Finding, HostHeartbeat } from '../model/upgrade.ts';
import { whileBeating } from './beating.ts';
import { byBackend, earlierTimes, ownServers, trafficBeat, warning, type HostBackend } from './host-backends.ts';
import type { Ports } from './ports.ts';
import type { HostServers, SteerHostInput, TrafficActivities } from './traffic-activities.ts';

/** Time between two looks at the balancer; ms. The next host waits for this one. */
const LOOK_MS = 100;
/** Longest that a balancer is asked which does not answer; then the upgrade goes on, and an operator is told; ms. */
const GIVE_UP_MS = 300_000;
/** Servers that a finding names; more would hide what it says. */
const MAX_NAMED = 5;

type AdmitPorts = Pick<Ports, 'loadBalancer' | 'clock'>;
type Admitting = {
  readonly ports: AdmitPorts;
  readonly input: SteerHostInput;
  /** Since when the balancer is asked, and since when the servers are ready. */
  readonly beat: HostHeartbeat & { readonly tried: number; since: number | null };
  readonly signal: AbortSignal;
};

/** Idempotent: what is ready is ready, and what somebody has put into maintenance meanwhile stays there. */
export function createAdmitHost(ports: AdmitPorts): TrafficActivities['admitHost'] {
  return async (input) => {
    const { tried, since } = earlierTimes(activityInfo().heartbeatDetails);
    const beat = { ...trafficBeat(input.host, 'putting its members back'), tried: tried ?? ports.clock.now(), since };
    const admitting = { ports, input, beat, signal: cancellationSignal() };
    const left = await whileBeating(
      () => ({ ...beat }),
      async () => admit(admitting),
    );
    log.info('host admitted', { host: input.host, ...left });
    return left;
  };
}

async function admit(admitting: Admitting): Promise<HostServers> {
  const { ports, beat, input } = admitting;
  const backends = byBackend(input.servers);
  const away = new Map<HostBackend, Error>();
  // All of them take requests before the first one is waited for.
  for (const backend of backends) {
    const error = await setReady(admitting, backend);
    if (error !== null) away.set(backend, error);
  }
  const [first] = away.values();
  if (first !== undefined && ports.clock.now() < beat.tried + GIVE_UP_MS) throw first;
  beat.since ??= ports.clock.now();
  const sick: ServerPlace[] = [];
  for (const backend of backends) {
    if (!away.has(backend)) sick.push(...(await awaitHealthy(admitting, backend)));
  }
  const servers = [...away.keys()].flatMap((backend) => backend.servers);
  return { servers, findings: [...leftDrained(input, servers, first), ...notHealthy(input, sick)] };
}

/** The balancer's failure, if it has one. */
async function setReady(admitting: Admitting, group: HostBackend): Promise<LoadBalancerError | null> {
  const { ports, signal } = admitting;
  const { loadBalancer, backend } = group;
  try {
    for (const { name, state } of await ownNow(admitting, group)) {
      if (state === 'drain')
        await ports.loadBalancer(loadBalancer).setState({ backend, server: name }, 'ready', signal);
    }
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadBalancerError) return error;
    throw error;
  }
}

/** Those that are not healthy when the time is over. */
async function awaitHealthy(admitting: Admitting, group: HostBackend): Promise<readonly ServerPlace[]> {
  const { ports, input, beat, signal } = admitting;
  const until = (beat.since ?? ports.clock.now()) + input.waitMs;
  for (;;) {
    const own = await ownNow(admitting, group);
    const isWell = ({ server }: ServerPlace): boolean =>
      own.some((found) => found.name === server && (found.state !== 'ready' || isHealthy(found)));
    const left = group.servers.filter((place) => !isWell(place));
    if (left.length === 0 || ports.clock.now() >= until) return left;
    await ports.clock.sleep(LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** A backend that has gone from the balancer's configuration meanwhile has no servers. */
async function ownNow({ ports, signal }: Admitting, group: HostBackend): Promise<readonly BalancedServer[]> {
  try {
    return ownServers(group, await ports.loadBalancer(group.loadBalancer).servers(group.backend, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LoadBalancerError && error.kind === 'notFound') return [];
    throw error;
  }
}

function notHealthy({ host, waitMs }: SteerHostInput, sick: readonly ServerPlace[]): readonly Finding[] {
  if (sick.length === 0) return [];
  const what = `its members were not healthy at the load balancer within ${waitMs / 1_000} s: ${named(sick)}`;
  return [warning(host, what, 'look at the members there: refit service status NAME')];
}

function leftDrained({ host }: SteerHostInput, servers: readonly ServerPlace[], error?: Error): readonly Finding[] {
  if (error === undefined) return [];
  const what = `its members are left drained (${error.message}): ${named(servers)}`;
  return [warning(host, what, 'set them ready there once the load balancer answers')];
}

function named(servers: readonly ServerPlace[]): string {
  const more = servers.length > MAX_NAMED ? [`${servers.length - MAX_NAMED} more`] : [];
  return [...servers.slice(0, MAX_NAMED).map(placeName), ...more].join(', ');
}
