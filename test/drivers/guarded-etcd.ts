import { onTestFinished } from 'vitest';
import { rightsStanding } from '../../client/bus-rights.ts';
import { createAuthority, type Authority } from '../../drivers/etcd/authority.ts';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import { Endpoints } from '../../drivers/etcd/endpoints.ts';
import { ROOT } from '../../model/bus-rights.ts';
import { parseFleetId, parseHostId, type FleetId, type HostId } from '../../model/ids.ts';
import type { Bus } from '../../model/ports.ts';
import { startEtcd, type EtcdCluster } from '../parts/etcd.ts';

export type SmallFleet = { readonly fleet: FleetId; readonly hosts: readonly { readonly name: HostId }[] };

export const smallFleet = (fleet: string, hosts: readonly string[]): SmallFleet => ({
  fleet: parseFleetId(fleet),
  hosts: hosts.map((name) => ({ name: parseHostId(name) })),
});

/** An etcd that checks everybody: certificates on both sides, and rights as `refit bus grant` gives them. */
export type GuardedEtcd = AsyncDisposable & {
  readonly etcd: EtcdCluster;
  /** As etcd's root. */
  readonly authority: Authority;
  readonly grant: (fleet: SmallFleet) => Promise<void>;
  /** The driver, by this user's certificate. */
  readonly busOf: (user: string) => Promise<Bus>;
  /** The client library's raw calls, by this user's certificate. */
  readonly endpointsOf: (user: string) => Promise<Endpoints>;
};

export async function startGuardedEtcd(fleets: readonly SmallFleet[], members = 1): Promise<GuardedEtcd> {
  const etcd = await startEtcd({ isSecure: true, members });
  const { endpoints } = etcd;
  const authority = createAuthority({ endpoints, tls: await etcd.identify(ROOT) });
  const grant = (fleet: SmallFleet): Promise<void> => grantAll(authority, fleet);
  for (const fleet of fleets) await grant(fleet);
  await authority.enforce();
  return {
    ...{ etcd, authority, grant },
    busOf: async (user) => {
      const bus = createEtcdBus({ endpoints, tls: await etcd.identify(user) });
      onTestFinished(() => bus.close());
      return bus;
    },
    endpointsOf: async (user) => {
      const opened = new Endpoints({ endpoints, tls: await etcd.identify(user) });
      onTestFinished(() => opened.close());
      return opened;
    },
    [Symbol.asyncDispose]: async () => {
      authority.close();
      await etcd.close();
    },
  };
}

/** With what hosts that left still have taken from them. */
async function grantAll(authority: Authority, { fleet, hosts }: SmallFleet): Promise<void> {
  const { changes, removals } = await rightsStanding(
    authority,
    fleet,
    hosts.map(({ name }) => name),
  );
  for (const change of [...changes, ...removals]) await authority.apply(change);
}
