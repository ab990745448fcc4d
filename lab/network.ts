import { networkInterfaces } from 'node:os';
import { docker, labNetworks, tryDocker } from './docker.ts';
import { FOLDER_LABEL, LAB_LABEL, spread } from './paths.ts';

/** Labs take a /24 of this block each; it is seldom used by routers and clouds. */
const BLOCK = '10.213';

/** How many subnets are tried: all of the block. */
const SUBNETS = 256;

/** What the engine gives the machine itself. */
const GATEWAY = 1;

/** The registry, the load balancer and the hosts have addresses of their own, since a restarted container would get another. */
const REGISTRY = 5;
const BALANCER = 6;
const FIRST_HOST = 10;

/** The last address of a /24 that a host can have. */
const LAST_HOST = 254;

/** Most hosts a lab can have, by its subnet; its memory ends earlier. */
export const MAX_HOSTS = LAST_HOST - FIRST_HOST + 1;

export const networkName = (lab: string): string => `refit-${lab}`;

/** The machine's own address in the lab's network. */
export const gatewayAddress = (subnet: string): string => addressIn(subnet, GATEWAY);

export const registryAddress = (subnet: string): string => addressIn(subnet, REGISTRY);

export const balancerAddress = (subnet: string): string => addressIn(subnet, BALANCER);

export const hostAddress = (subnet: string, index: number): string => addressIn(subnet, FIRST_HOST + index);

/** The lab's own network: the one that is there, else one on a subnet that nobody on this machine uses. Returns the subnet. */
export async function ensureNetwork(lab: string, folder: string): Promise<string> {
  const name = networkName(lab);
  if ((await labNetworks(lab)).includes(name)) {
    return docker(['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', name]);
  }
  const inUse = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
  let problem = 'all are in use by the machine';
  for (const subnet of candidates(lab, inUse)) {
    const labels = ['--label', `${LAB_LABEL}=${lab}`, '--label', `${FOLDER_LABEL}=${folder}`];
    const created = await tryDocker(['network', 'create', '--subnet', subnet, ...labels, name]);
    if (created.exitCode === 0) return subnet;
    problem = created.stderr.trim();
    if (!problem.includes('overlap')) break;
  }
  throw new Error(`no subnet of ${BLOCK}.0.0/16 could be used for lab ${lab}: ${problem}`);
}

/** The subnets to try, the lab's own first, without those in which the machine has an address. */
export function candidates(lab: string, inUse: readonly string[]): readonly string[] {
  const start = spread(lab, SUBNETS);
  return Array.from({ length: SUBNETS }, (_, step) => `${BLOCK}.${(start + step) % SUBNETS}.`)
    .filter((prefix) => !inUse.some((address) => address.startsWith(prefix)))
    .map((prefix) => `${prefix}0/24`);
}

function addressIn(subnet: string, last: number): string {
  return subnet.replace(/\d+\/\d+$/, String(last));
}
