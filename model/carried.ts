import type { Carried, FleetHost } from './fleet.ts';
import type { HostId } from './ids.ts';

type Carrier = Pick<FleetHost, 'name' | 'carries'>;

/**
 * The order in which hosts go. Those that carry refit's own infrastructure come last, Temporal's at the very end: while they
 * reboot, an upgrade can only wait. Otherwise the fleet file's order. Pure.
 */
export const upgradeOrder = <Host extends Carrier>(hosts: readonly Host[]): readonly Host[] =>
  [0, 1, 2].flatMap((rank) => hosts.filter(({ carries }) => rankOf(carries) === rank));

/** Of these never two are out of service at once: a fleet keeps etcd's quorum, and a worker. */
export const carriersOf = (hosts: readonly Carrier[]): ReadonlySet<HostId> =>
  new Set(hosts.flatMap(({ name, carries }) => (rankOf(carries) === 0 ? [] : name)));

const rankOf = ({ etcd, upgrader, temporal }: Carried): 0 | 1 | 2 => (temporal ? 2 : etcd !== null || upgrader ? 1 : 0);
