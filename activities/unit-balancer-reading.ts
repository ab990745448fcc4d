import { LoadBalancerError } from '../model/load-balancer.ts';
import { memberServer, type BalancedUnit, type SlotBalancer, type SlotServer } from '../model/slot-balancer.ts';
import { addressOf, portOf } from '../model/unit-site.ts';
import type { PlannedMember } from '../model/unit-upgrade.ts';
import { balancerOf } from './open-unit.ts';
import type { HostLook } from './unit-hosts.ts';

/** `problems`: in words; `isCounted`: the balancer counts requests. */
export type BalancerReading = { readonly problems: readonly string[]; readonly isCounted: boolean };

/** What of the load balancer would keep the cutover from working. Changes nothing. */
export async function readUnitBalancer(look: HostLook, signal: AbortSignal): Promise<BalancerReading> {
  const found = balancerOf(look.ports, look.input);
  const { unit } = look.opened;
  if (found === null) {
    return {
      problems: [`unit ${unit.name} has no balancer in the fleet file: nothing would send requests to a slot`],
      isCounted: true,
    };
  }
  const { slots, balanced } = found;
  const services = frontendProblems(look, balanced);
  try {
    const problems = await slots.problems(balanced, signal);
    // Without its backends there are no servers to look for.
    if (problems.length > 0) return { problems: [...services, ...problems], isCounted: true };
    const isCounted = (await slots.traffic(balanced, look.site.plan.to, signal)) !== null;
    return { problems: [...services, ...(await missingServers(look, { slots, balanced }, signal))], isCounted };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LoadBalancerError)) throw error;
    return { problems: [...services, error.message], isCounted: true };
  }
}

/** Frontends of services that can't have requests. */
function frontendProblems({ opened: { unit } }: HostLook, { balancer }: BalancedUnit): readonly string[] {
  return balancer.frontends.flatMap(({ service }) => {
    const found = unit.services.find(({ name }) => name === service);
    const names = unit.services.map(({ name }) => name).join(', ');
    if (found === undefined) return [`a frontend is for service ${service}, unit ${unit.name} has: ${names}`];
    if (found.shared)
      return [`a frontend is for service ${service}, which both slots share: there is nothing to switch`];
    return found.port === null ? [`a frontend is for service ${service}, which has no port in the release`] : [];
  });
}

type Asked = { readonly slots: SlotBalancer; readonly balanced: BalancedUnit };

/** A member that no server stands for would get no request, and nobody would notice. */
async function missingServers(
  look: HostLook,
  { slots, balanced }: Asked,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { plan } = look.site;
  const servers = await slots.servers(balanced, plan.to, signal);
  return balanced.balancer.frontends.flatMap(({ service }) => {
    const known = servers.filter((server) => server.service === service);
    return plan.members
      .filter((member) => member.service === service && member.kind === 'service')
      .flatMap((member) => serverProblem(look, { balanced, known }, member));
  });
}

function serverProblem(
  { site }: HostLook,
  { balanced, known }: { readonly balanced: BalancedUnit; readonly known: readonly SlotServer[] },
  member: PlannedMember,
): readonly string[] {
  const { host, container } = member;
  const port = portOf(site, member, site.plan.to);
  const address = addressOf(site, member);
  // A host without an address, or a service without a port, is a finding of its own.
  if (port === null || address === null) return [];
  const { balancer } = balanced;
  const server = memberServer(balancer, known, { host, container, address });
  const has = known.map(({ name }) => name).join(', ') || 'none';
  if (server === null)
    return [
      `${balancer.loadBalancer} has no server for ${container} on ${host} (it has ${has}); add one at ${address}`,
    ];
  return server.address.endsWith(`:${port}`)
    ? []
    : [
        `server ${server.name} of ${balancer.loadBalancer} is at ${server.address}, ${container} on ${host} will be at ${address}`,
      ];
}
