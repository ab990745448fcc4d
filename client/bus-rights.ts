import type { Authority } from '../drivers/etcd/authority.ts';
import {
  hostUser,
  identitiesOf,
  leftIdentities,
  MAX_COMMON_NAME,
  removals,
  rightsChanges,
  type BusIdentity,
  type RightsChange,
} from '../model/bus-rights.ts';
import type { FleetId, HostId } from '../model/ids.ts';
import { WrongInput } from './fleet-client.ts';

/** What etcd has of a fleet's identities beside what it is to have. */
export type RightsStanding = {
  readonly identities: readonly BusIdentity[];
  readonly changes: readonly RightsChange[];
  /** Of hosts that the fleet file no longer has: they may do what they could. */
  readonly left: readonly BusIdentity[];
  /** What takes their rights from them. */
  readonly removals: readonly RightsChange[];
  /** Whether etcd checks anybody; as long as it doesn't, everybody may do everything. */
  readonly isEnforced: boolean;
};

/** Only reads. A host whose name does not fit into a certificate is a WrongInput. */
export async function rightsStanding(
  authority: Authority,
  fleet: FleetId,
  names: readonly HostId[],
): Promise<RightsStanding> {
  const tooLong = names.map((name) => hostUser(fleet, name)).filter((user) => user.length > MAX_COMMON_NAME);
  if (tooLong.length > 0) {
    throw new WrongInput(
      'hosts',
      `a certificate's common name has at most ${MAX_COMMON_NAME} characters, which is too short for ${tooLong.join(', ')}`,
    );
  }
  const identities = identitiesOf(fleet, names);
  const left = leftIdentities(fleet, await authority.roleNames(), identities);
  const found = await authority.find([...identities, ...left]);
  return {
    identities,
    changes: rightsChanges(found, identities),
    left,
    removals: removals(found, left),
    isEnforced: await authority.isEnforced(),
  };
}
