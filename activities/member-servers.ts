import { LoadBalancerError, type BalancedServer } from '../model/load-balancer.ts';
import { memberName, serverOf, toMemberServer, type Member, type ServiceBalancer } from '../model/service.ts';
import type { Finding } from '../model/upgrade.ts';
import type { PlainMember } from './host-members.ts';
import type { Ports } from './ports.ts';

/** Servers of a backend that a message names; more would hide what it says. */
const MAX_NAMED = 10;

export type MembersWithServers = { readonly members: readonly Member[]; readonly findings: readonly Finding[] };
type ServerPorts = Pick<Ports, 'loadBalancer' | 'loadFleet'>;

/** Puts each member together with its server. A member that can't be drained is not upgraded: that is a finding. */
export async function findServers(
  ports: ServerPorts,
  { members, balancer }: { readonly members: readonly PlainMember[]; readonly balancer: ServiceBalancer | null },
  signal: AbortSignal,
): Promise<MembersWithServers> {
  const without = members.map((member): Member => ({ ...member, server: null }));
  if (balancer === null || members.length === 0) return { members: without, findings: [] };
  const servers = await readServers(ports, balancer, signal);
  if ('finding' in servers) return { members: without, findings: [servers.finding] };
  const byName = new Map(servers.found.map((server) => [server.name, server]));
  const withServers = without.map((member): Member => {
    const server = byName.get(serverOf(balancer, member));
    return server === undefined ? member : { ...member, server: toMemberServer(server) };
  });
  const missing = withServers.filter(({ server }) => server === null);
  return {
    members: withServers,
    findings: [
      ...missing.map((member) => notThere(member, balancer, [...byName.keys()])),
      ...sharedServers(withServers, balancer),
    ],
  };
}

async function readServers(
  ports: ServerPorts,
  { loadBalancer, backend }: ServiceBalancer,
  signal: AbortSignal,
): Promise<{ readonly found: readonly BalancedServer[] } | { readonly finding: Finding }> {
  const known = ports.loadFleet().loadBalancers.map(({ name }) => name);
  if (!known.includes(loadBalancer)) {
    const what = `the fleet file has no load balancer ${loadBalancer}`;
    return { finding: problem(what, 'name it under loadBalancers, or mend the service there') };
  }
  try {
    return { found: await ports.loadBalancer(loadBalancer).servers(backend, signal) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LoadBalancerError)) throw error;
    return { finding: problem(error.message, 'mend the load balancer, or the service in the fleet file') };
  }
}

function notThere(member: Member, balancer: ServiceBalancer, names: readonly string[]): Finding {
  const { backend, loadBalancer } = balancer;
  const has = names.length > MAX_NAMED ? `${names.slice(0, MAX_NAMED).join(', ')} …` : names.join(', ');
  return {
    ...{ host: member.host, severity: 'error' },
    what: `${member.container} is to be server ${serverOf(balancer, member)} of backend ${backend} at ${loadBalancer}, which has ${has || 'none'}`,
    remedy: 'add the server, or mend the service in the fleet file',
  };
}

/** Two members behind one server: draining it for the one would leave the other without requests, and unseen. */
function sharedServers(members: readonly Member[], balancer: ServiceBalancer): readonly Finding[] {
  const first = new Map<string, Member>();
  return members.flatMap((member) => {
    const name = serverOf(balancer, member);
    const other = first.get(name);
    if (other === undefined) {
      first.set(name, member);
      return [];
    }
    const what = `${memberName(member)} and ${memberName(other)} are both to be server ${name}`;
    return [{ ...problem(what, 'tell them apart by {host} and {container} in the fleet file'), host: member.host }];
  });
}

const problem = (what: string, remedy: string): Finding => ({ host: null, severity: 'error', what, remedy });
