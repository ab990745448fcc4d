import { openSlotBalancer } from '../drivers/slot-balancers.ts';
import type { ContainerSummary } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import type { HostId, UnitId } from '../model/ids.ts';
import { memberServer, type SlotBalancer, type SlotServer, type UnitBalancer } from '../model/slot-balancer.ts';
import { slots, unitLabels, type Slot, type SlotOrShared } from '../model/unit.ts';
import { readContainers } from './labelled-containers.ts';
import { settled } from './settled.ts';

/** Longest wait for the load balancer; ms. */
const BALANCER_TIMEOUT_MS = 5_000;

/** A container of the unit, as its engine and its labels say. */
export type SlotContainer = {
  /** null: its label says none that is known. */
  readonly slot: SlotOrShared | null;
  readonly service: string;
  readonly host: HostId;
  readonly container: string;
  readonly running: boolean;
  readonly image: string;
  /** Of the release that it came with. */
  readonly version: string | null;
  /** `host:port` as others reach it; empty: it has no port. */
  readonly address: string;
};

/** What switches the requests. `active` null: it could not be seen. */
export type UnitSwitch = {
  readonly loadBalancer: string;
  readonly active: Slot | 'unset' | 'mixed' | null;
  readonly servers: readonly SwitchedServer[];
};
/** `container` null: no member of the unit is behind it. */
export type SwitchedServer = SlotServer & { readonly slot: Slot; readonly container: string | null };

/** `problems`: what could not be seen, and of what therefore nothing is said. */
export type UnitStatus = {
  readonly unit: UnitId;
  readonly containers: readonly SlotContainer[];
  /** null: the fleet file names none for it. */
  readonly balancer: UnitSwitch | null;
  readonly problems: readonly string[];
};

/** A unit as its hosts' engines and its load balancer say. Whoever of them is away is named, not waited for. */
export async function unitStatus(fleet: Fleet, unit: UnitId): Promise<UnitStatus> {
  const named = fleet.units.find(({ name }) => name === unit)?.balancer ?? null;
  const [hosts, seen] = await Promise.all([
    readContainers(fleet, { [unitLabels.unit]: unit }),
    named === null ? null : readSwitch(fleet, unit, named),
  ]);
  const containers = hosts.flatMap((each) => ('problem' in each ? [] : slotContainers(each.host, each.containers)));
  const problems = hosts.flatMap((each) => ('problem' in each ? each.problem : []));
  return {
    ...{ unit, containers: bySlot(containers) },
    balancer: named === null || seen === null ? null : withMembers(seen.balancer, named, containers),
    problems: [...problems, ...(seen?.problems ?? [])],
  };
}

/** Which member is behind which server. Pure. */
export function withMembers(
  seen: UnitSwitch,
  balancer: UnitBalancer,
  containers: readonly SlotContainer[],
): UnitSwitch {
  const behind = new Map(
    containers.flatMap((member) => {
      const own = seen.servers.filter(({ slot, service }) => slot === member.slot && service === member.service);
      const server = memberServer(balancer, own, member);
      return server === null ? [] : [[server, member.container] as const];
    }),
  );
  return { ...seen, servers: seen.servers.map((server) => ({ ...server, container: behind.get(server) ?? null })) };
}

/** Those of its services and add-ons; its upgrade tells of its jobs. Pure. */
export const slotContainers = (host: HostId, containers: readonly ContainerSummary[]): readonly SlotContainer[] =>
  containers
    .flatMap(({ name: container, running, image, labels }): readonly SlotContainer[] => {
      const slot = order.find((each) => each === labels[unitLabels.slot]) ?? null;
      const service = labels[unitLabels.service];
      const version = labels[unitLabels.version] ?? null;
      const address = labels[unitLabels.address] ?? '';
      return service === undefined ? [] : [{ slot, service, host, container, running, image, version, address }];
    })
    .sort((one, other) => (one.container < other.container ? -1 : 1));

/** Blue, then green, then what both share; within each as the hosts are. */
export const bySlot = (containers: readonly SlotContainer[]): readonly SlotContainer[] =>
  [...order, null].flatMap((slot) => containers.filter((container) => container.slot === slot));

const order: readonly SlotOrShared[] = [...slots, 'shared'];

type SeenSwitch = { readonly balancer: UnitSwitch; readonly problems: readonly string[] };

async function readSwitch(fleet: Fleet, unit: UnitId, balancer: UnitBalancer): Promise<SeenSwitch> {
  const { loadBalancer } = balancer;
  const opened = await settled(() => Promise.resolve(openSlotBalancer(fleet, loadBalancer)));
  if ('problem' in opened) return { balancer: { loadBalancer, active: null, servers: [] }, problems: [opened.problem] };
  return askSwitch(opened, { unit, balancer });
}

async function askSwitch(switching: SlotBalancer, unit: Parameters<SlotBalancer['active']>[0]): Promise<SeenSwitch> {
  const signal = AbortSignal.timeout(BALANCER_TIMEOUT_MS);
  const [active, ...servers] = await Promise.all([
    settled(async () => ({ slot: await switching.active(unit, signal) })),
    ...slots.map((slot) =>
      settled(async () =>
        (await switching.servers(unit, slot, signal)).map((server) => ({ slot, container: null, ...server })),
      ),
    ),
  ]);
  const problems = [active, ...servers].flatMap((each) => ('problem' in each ? each.problem : []));
  return {
    balancer: {
      loadBalancer: unit.balancer.loadBalancer,
      active: 'problem' in active ? null : active.slot,
      servers: servers.flatMap((each) => ('problem' in each ? [] : each)),
    },
    // A balancer that is away says so once.
    problems: [...new Set(problems)],
  };
}
