import { cancellationSignal, log } from '@temporalio/activity';
import { balancedServices } from '../model/fleet.ts';
import { LoadBalancerError, type ServerPlace } from '../model/load-balancer.ts';
import { serverOf, type Service } from '../model/service.ts';
import type { Finding } from '../model/upgrade.ts';
import { whileBeating } from './beating.ts';
import {
  byBackend,
  hasOthers,
  lastServers,
  ownServers,
  trafficBeat,
  warning,
  type HostBackend,
} from './host-backends.ts';
import { readHostMembers } from './host-members.ts';
import { engineOf, ownFleet } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import {
  MAX_HOST_SERVERS,
  type HostServers,
  type HostTrafficInput,
  type TrafficActivities,
} from './traffic-activities.ts';

type FindPorts = Pick<Ports, 'engine' | 'loadFleet' | 'loadBalancer'>;

/** Idempotent: reads. A server that somebody else has drained is none of ours, so that nobody puts it back. */
export function createFindHostServers(ports: FindPorts): TrafficActivities['findHostServers'] {
  return async (input) => {
    const beat = trafficBeat(input.host, 'looking at its members');
    const found = await whileBeating(
      () => beat,
      async () => find(ports, input, cancellationSignal()),
    );
    log.info('servers of a host found', { host: input.host, ...found });
    return found;
  };
}

async function find(ports: FindPorts, input: HostTrafficInput, signal: AbortSignal): Promise<HostServers> {
  const { host } = input;
  const members = await readPlaces(ports, input, signal);
  if ('finding' in members) return { servers: [], findings: [members.finding] };
  const servers: ServerPlace[] = [];
  const findings: Finding[] = [];
  for (const backend of byBackend(members.places)) {
    const read = await judgeBackend(ports, { host, backend }, signal);
    servers.push(...read.servers);
    findings.push(...read.findings);
  }
  if (servers.length <= MAX_HOST_SERVERS) return { servers, findings };
  const what = `${servers.length - MAX_HOST_SERVERS} of its ${servers.length} servers stay in traffic: it has too many`;
  const more = warning(host, what, 'spread the members over more hosts');
  return { servers: servers.slice(0, MAX_HOST_SERVERS), findings: [...findings, more] };
}

/** The servers of all members that run, as the fleet file names them. */
async function readPlaces(
  ports: FindPorts,
  { fleet, host, upgrade }: HostTrafficInput,
  signal: AbortSignal,
): Promise<{ readonly places: readonly ServerPlace[] } | { readonly finding: Finding }> {
  const places: ServerPlace[] = [];
  for (const service of balancedServices(ownFleet(ports, fleet))) {
    const { balancer } = service;
    const engine = engineOf(ports, { fleet, host });
    const { members, findings } = await readHostMembers({ host, engine, service, upgrade, signal });
    const unseen = findings.find(({ severity }) => severity === 'error');
    // An engine that does not answer for one service would keep each of the others waiting as well.
    if (members.length === 0 && unseen !== undefined) return { finding: notSeen(unseen, service) };
    const { loadBalancer, backend } = balancer;
    for (const member of members.filter(({ running }) => running)) {
      places.push({ loadBalancer, backend, server: serverOf(balancer, member) });
    }
  }
  return { places };
}

async function judgeBackend(
  ports: FindPorts,
  { host, backend }: { readonly host: HostTrafficInput['host']; readonly backend: HostBackend },
  signal: AbortSignal,
): Promise<HostServers> {
  try {
    const found = await ports.loadBalancer(backend.loadBalancer).servers(backend.backend, signal);
    const ready = ownServers(backend, found).filter(({ state }) => state === 'ready');
    const servers = backend.servers.filter(({ server }) => ready.some(({ name }) => name === server));
    if (servers.length === 0) return { servers, findings: [] };
    return hasOthers(backend, found)
      ? { servers, findings: [] }
      : { servers: [], findings: [lastServers(host, backend)] };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LoadBalancerError)) throw error;
    const what = `its members stay in traffic: ${error.message}`;
    return { servers: [], findings: [warning(host, what, 'mend the load balancer, or the service in the fleet file')] };
  }
}

const notSeen = ({ host, what, remedy }: Finding, { name }: Service): Finding => ({
  ...{ host, severity: 'warning', remedy },
  what: `members of ${name} and of other services stay in traffic: ${what}`,
});
