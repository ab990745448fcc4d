import { parseMemberLevel } from '../drivers/bus-values.ts';
import { createHaproxy } from '../drivers/haproxy/balancer.ts';
import { busKeys, type MemberLevel } from '../model/bus.ts';
import { haproxyOf, serviceOf, type Fleet } from '../model/fleet.ts';
import type { ServiceId } from '../model/ids.ts';
import type { BalancedServer } from '../model/load-balancer.ts';
import { serverOf, toMemberServer, type MemberServer, type MemberState, type Service } from '../model/service.ts';
import { withBus } from './bus-view.ts';
import { readMembers, type SeenMember } from './service-members.ts';
import { settled } from './settled.ts';

/** Longest wait for the load balancer; ms. */
const BALANCER_TIMEOUT_MS = 5_000;

export type MemberStatus = SeenMember & { readonly state: MemberState; readonly server: MemberServer | null };

/** `problems`: what could not be seen, and of what therefore nothing is said. */
export type ServiceStatus = {
  readonly service: Service;
  readonly members: readonly MemberStatus[];
  readonly problems: readonly string[];
};

type Levels = ReadonlyMap<string, MemberLevel>;
type Servers = ReadonlyMap<string, BalancedServer>;

/** A service as its hosts' engines, the bus and its load balancer say. Whoever of them is away is named, not waited for. */
export async function serviceStatus(fleet: Fleet, name: ServiceId): Promise<ServiceStatus> {
  const service = serviceOf(fleet, name);
  const [hosts, levels, servers] = await Promise.all([
    readMembers(fleet, service),
    settled(() => readLevels(fleet, name)),
    settled(() => readServers(fleet, service)),
  ]);
  const seen = hosts.flatMap((host) => ('problem' in host ? [] : host));
  const problems = [...hosts, levels, servers].flatMap((each) => ('problem' in each ? each.problem : []));
  const views = {
    levels: 'problem' in levels ? new Map<string, MemberLevel>() : levels,
    servers: 'problem' in servers ? new Map<string, BalancedServer>() : servers,
  };
  return { service, members: seen.map((member) => memberStatus(fleet, service, { member, ...views })), problems };
}

/** Pure. */
export function memberStatus(
  { fleet }: Pick<Fleet, 'fleet'>,
  { name, balancer }: Service,
  { member, levels, servers }: { readonly member: SeenMember; readonly levels: Levels; readonly servers: Servers },
): MemberStatus {
  const server = balancer === null ? undefined : servers.get(serverOf(balancer, member));
  // Only members that are not Active have a level.
  const state = levels.get(busKeys(fleet).member(name, member))?.state ?? 'Active';
  return {
    ...{ host: member.host, container: member.container, state },
    ...member,
    server: server === undefined ? null : toMemberServer(server),
  };
}

/** By key. Throws Unreachable when etcd doesn't answer. */
export const readLevels = (fleet: Fleet, service: ServiceId): Promise<Levels> =>
  withBus(fleet, async (bus) => {
    const entries = await bus.list(busKeys(fleet.fleet).service(service));
    const parsed = entries.map(({ key, value }) => [key, parseMemberLevel(value)] as const);
    return new Map(parsed.flatMap(([key, level]) => (level.ok ? [[key, level.value]] : [])));
  });

async function readServers({ loadBalancers }: Fleet, { balancer }: Service): Promise<Servers> {
  if (balancer === null) return new Map();
  const found = haproxyOf({ loadBalancers }, balancer.loadBalancer);
  if (found === null) throw new Error(`the fleet file has no load balancer ${balancer.loadBalancer}`);
  const signal = AbortSignal.timeout(BALANCER_TIMEOUT_MS);
  const servers = await createHaproxy(found).servers(balancer.backend, signal);
  return new Map(servers.map((server) => [server.name, server]));
}
