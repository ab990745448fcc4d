import { API_PORT } from './api.ts';
import { memberCount } from './etcd.ts';
import { MAX_HOSTS, balancerAddress, hostAddress, registryAddress } from './network.ts';
import { isFreeOnLoopback, pickPorts, type PortPicker } from './ports.ts';
import type { LabHost, LabState } from './state.ts';

/** Hosts of a lab when nothing is said: enough for a wave beside a gatekeeper, and for three etcd members. */
const DEFAULT_HOSTS = 4;
/** Virtual machines share the processors with everything else: enough for three etcd members. */
const DEFAULT_MACHINES = 3;

/** Temporal's own default ports, which people know. */
const TEMPORAL_PORT = 7233;
const TEMPORAL_UI_PORT = 8233;

/** Whether a lab can have that many hosts, beside those it has. */
export function checkHosts(lab: string, wanted: number | undefined, now: number): string | undefined {
  if (wanted === undefined) return undefined;
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MAX_HOSTS) return `a lab has 1 to ${MAX_HOSTS} hosts`;
  if (wanted >= now) return undefined;
  const reason = `lab ${lab} has ${now} hosts and can't shrink to ${wanted}: the ones in use can't be told from the others`;
  return `${reason}; take it down first with: refit lab down`;
}

/** What the lab is to look like: what it is already, and the hosts that are missing. */
export async function planLab(
  lab: string,
  subnet: string,
  options: { wanted: number | undefined; old: LabState | undefined; vm?: boolean },
): Promise<LabState> {
  // Nobody listens on the ports of a lab that does not run.
  const own = portsOf(options.old);
  const ports = pickPorts(lab, async (port) => !own.includes(port) && isFreeOnLoopback(port));
  const base = options.old ?? { ...(await emptyLab(lab, subnet, ports)), vm: options.vm === true };
  const fallback = base.vm ? DEFAULT_MACHINES : DEFAULT_HOSTS;
  const count = Math.max(options.wanted ?? base.hosts.length, base.hosts.length) || fallback;
  const members = base.hosts.length === 0 ? memberCount(count) : 0;
  const hosts = [...base.hosts];
  for (let index = hosts.length; index < count; index += 1) {
    hosts.push(await planHost(base.subnet, index, { ports, member: index < members }));
  }
  const api = base.api ?? { port: await ports.prefer(API_PORT), process: null };
  return { ...base, balancer: await planBalancer(base, ports), hosts, api };
}

function portsOf(state: LabState | undefined): readonly number[] {
  if (state === undefined) return [];
  const { balancer, registry, temporal, hosts, api } = state;
  const balanced = [balancer?.webPort, balancer?.runtimePort, balancer?.shop?.webPort, balancer?.shop?.apiPort];
  const published = hosts.flatMap(({ ports: { engine, etcd, http } }) => [engine, etcd, http]);
  return [registry.port, temporal.port, temporal.uiPort, api?.port, ...balanced, ...published].filter(
    (port) => port != null,
  );
}

async function planHost(subnet: string, index: number, kind: { ports: PortPicker; member: boolean }): Promise<LabHost> {
  return {
    name: `host-${index + 1}`,
    address: hostAddress(subnet, index),
    ports: {
      engine: await kind.ports.next(),
      etcd: kind.member ? await kind.ports.next() : null,
      http: await kind.ports.next(),
    },
  };
}

async function planBalancer({ subnet, balancer }: LabState, ports: PortPicker): Promise<LabState['balancer']> {
  const kept = balancer ?? {
    address: balancerAddress(subnet),
    webPort: await ports.next(),
    runtimePort: await ports.next(),
    shop: null,
  };
  return { ...kept, shop: kept.shop ?? { webPort: await ports.next(), apiPort: await ports.next() } };
}

async function emptyLab(lab: string, subnet: string, ports: PortPicker): Promise<LabState> {
  return {
    version: 1,
    lab,
    subnet,
    hosts: [],
    registry: { address: registryAddress(subnet), port: await ports.next() },
    balancer: null,
    temporal: { port: await ports.prefer(TEMPORAL_PORT), uiPort: await ports.prefer(TEMPORAL_UI_PORT), process: null },
    workers: [],
    api: null,
    upgrader: null,
    vm: false,
    secure: false,
  };
}
