import type { PlannedUpgrade } from '../../client/plan-upgrade.ts';
import { parseFleetId, parseHostId, parseStepId } from '../../model/ids.ts';
import { planWaves, type Hop, type PlannedHost, type PlannedMigration } from '../../model/plan.ts';
import { defaultPolicy, type InstallStrategy } from '../../model/policy.ts';
import { digestOf, releaseRef } from '../fakes/release.ts';

export const planHost = (name: string, from: string | null): PlannedHost => ({ name: parseHostId(name), from });

export const planMigration = (name: string, changes: Partial<PlannedMigration> = {}): PlannedMigration => ({
  ...{ name, when: 'expand', hasDown: true, isPointOfNoReturn: false },
  ...changes,
});

/** `host-1` to `host-<count>`, all on one version. */
export const planHosts = (count: number, from: string | null): readonly PlannedHost[] =>
  Array.from({ length: count }, (_, index) => planHost(`host-${index + 1}`, from));

export function makeHop(
  to: string,
  hosts: readonly PlannedHost[],
  { install = { strategy: 'serial' }, ...changes }: Partial<Hop> & { readonly install?: InstallStrategy } = {},
): Hop {
  return {
    ...{ to, release: releaseRef(to), risks: [], steps: [{ id: parseStepId('packages'), type: 'packages' }] },
    ...{ downloadBytes: 40_000_000, images: [], waves: planWaves(hosts, install), alreadyThere: [] },
    ...{ services: [], migrations: [], hasBackup: false },
    ...changes,
  };
}

/** A plan of these hops; the last one's release is the target. */
export function makePlan(hops: readonly Hop[], changes: Partial<PlannedUpgrade> = {}): PlannedUpgrade {
  return {
    ...{ fleet: parseFleetId('lab'), release: hops.at(-1)?.release ?? releaseRef(), policy: defaultPolicy },
    ...{ hops, findings: [], tree: digestOf('e') },
    ...changes,
  };
}

/** Three hosts over two earlier releases. */
export const threeHops = (): readonly Hop[] => [
  makeHop('4.0.1', planHosts(3, '3.4.2')),
  makeHop('4.1.1', planHosts(3, '4.0.1')),
  makeHop('4.2.0', planHosts(3, '4.1.1')),
];
