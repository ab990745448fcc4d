import type { HostId } from '../model/ids.ts';
import { isHealthy } from '../model/load-balancer.ts';
import { memberServer, type ServingMember, type SlotServer } from '../model/slot-balancer.ts';
import { unitLabels, type Slot, type SlotOrShared } from '../model/unit.ts';
import { needBalancer, type UnitPorts } from './open-unit.ts';
import { ownFleet } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import type { UnitInput } from './unit-activities.ts';

/** Hosts, and containers of one, that are asked at the same time. */
const MAX_PARALLEL = 16;

/** A unit's container as its engine shows it. */
export type SeenSlotMember = {
  readonly host: HostId;
  readonly id: string;
  readonly container: string;
  readonly slot: SlotOrShared;
  readonly service: string;
  readonly running: boolean;
  readonly image: string;
  readonly release: string;
  /** `host:port` at which others reach it; empty: it has no port. */
  readonly address: string;
};

type LookPorts = Pick<UnitPorts, 'engine' | 'loadFleet' | 'slotBalancer'>;

/** The unit's members on every host; jobs are none. An engine that is away is thrown. */
export async function lookForMembers(
  ports: LookPorts,
  { fleet, unit }: Pick<UnitInput, 'fleet' | 'unit'>,
  signal: AbortSignal,
): Promise<readonly SeenSlotMember[]> {
  const hosts = ownFleet(ports, fleet).hosts.map(({ name }) => name);
  const found = await inParallel(hosts, MAX_PARALLEL, async (host) => {
    const containers = await ports.engine(host).listContainers({ [unitLabels.unit]: unit }, signal);
    return containers.flatMap(({ id, name, labels, running, image }): readonly SeenSlotMember[] => {
      const slot = slotIn(labels);
      const service = labels[unitLabels.service];
      const release = labels[unitLabels.release] ?? '';
      const address = labels[unitLabels.address] ?? '';
      return slot === null || service === undefined
        ? []
        : [{ host, id, container: name, slot, service, running, image, release, address }];
    });
  });
  return found.flat();
}

export function slotIn(labels: Readonly<Record<string, string>>): SlotOrShared | null {
  const slot = labels[unitLabels.slot];
  return slot === 'blue' || slot === 'green' || slot === 'shared' ? slot : null;
}

/** Why a member is not well; null: it is. */
export async function problemOf(
  ports: LookPorts,
  { host, id, container, running }: SeenSlotMember,
  signal: AbortSignal,
): Promise<string | null> {
  if (!running) return `${container} on ${host} does not run`;
  const state = await ports.engine(host).inspectContainer(id, signal);
  if (state === null) return `${container} on ${host} is gone`;
  if (!state.running) return `${container} on ${host} does not run`;
  return state.health === 'unhealthy' || state.health === 'starting'
    ? `${container} on ${host} is ${state.health}`
    : null;
}

export type SlotProblem = { readonly slot: Slot; readonly problem: string };

/** What of the slot is not well in one look, by its engines and by the balancer; null: all of it is. */
export async function lookAtSlot(
  ports: LookPorts,
  { input, members, slot }: SlotLook<SeenSlotMember & { readonly slot: SlotOrShared }>,
  signal: AbortSignal,
): Promise<SlotProblem | null> {
  const own = members.filter((member) => member.slot === slot);
  const problems = await Promise.all([
    engineProblem(ports, own, signal),
    balancerProblem(ports, { input, slot, members: own }, signal),
  ]);
  const problem = problems.find((found) => found !== null) ?? null;
  return problem === null ? null : { slot, problem };
}

type SlotLook<Looked> = { readonly input: UnitInput; readonly slot: Slot; readonly members: readonly Looked[] };

/** By their engines; null: all of them are well. */
export async function engineProblem(
  ports: LookPorts,
  members: readonly SeenSlotMember[],
  signal: AbortSignal,
): Promise<string | null> {
  const problems = await inParallel(members, MAX_PARALLEL, async (member) => problemOf(ports, member, signal));
  return problems.find((problem) => problem !== null) ?? null;
}

/** By the balancer; null: all that have requests through it are well. */
export async function balancerProblem(
  ports: LookPorts,
  { input, slot, members }: SlotLook<ServingMember & { readonly service: string }>,
  signal: AbortSignal,
): Promise<string | null> {
  const { slots, balanced } = needBalancer(ports, input);
  const { balancer } = balanced;
  const servers = await slots.servers(balanced, slot, signal);
  const problems = balancer.frontends.flatMap(({ service }) => {
    const known = servers.filter((server) => server.service === service);
    return members
      .filter((member) => member.service === service)
      .map((member) => serverProblem(member, memberServer(balancer, known, member), balancer.loadBalancer));
  });
  return problems.find((problem) => problem !== null) ?? null;
}

function serverProblem({ host, container }: ServingMember, server: SlotServer | null, at: string): string | null {
  if (server === null) return `${container} on ${host} is no server of ${at}`;
  if (isHealthy(server) && server.state === 'ready') return null;
  return `${container} on ${host} is ${server.state} and ${server.health} at ${at}`;
}
