import type { FleetId, HostId, UnitId } from '../model/ids.ts';
import type { MemberId } from '../model/service.ts';
import { WrongInput } from './fleet-client.ts';
import { named } from './named.ts';

/** Names that Docker gives to containers. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

type KnownHosts = { readonly fleet: FleetId; readonly hosts: readonly { readonly name: HostId }[] };

/** A container that may be there; throws WrongInput when it can't be. */
export function assertContainer(known: KnownHosts, { host, container }: MemberId): void {
  if (!known.hosts.some(({ name }) => name === host)) {
    const names = named(known.hosts.map(({ name }) => name));
    throw new WrongInput('host', `fleet ${known.fleet} has no host ${host}; its hosts: ${names}; nothing was changed`);
  }
  if (!CONTAINER_NAME.test(container))
    throw new WrongInput('container', `expected the name of a container, got "${container}"`);
}

/** That the fleet file has no such unit. */
export function unknownUnit(fleet: FleetId, units: readonly UnitId[], unit: UnitId): WrongInput {
  const names = units.join(', ') || 'none';
  return new WrongInput('unit', `fleet ${fleet} has no unit ${unit}; its units: ${names}; nothing was changed`);
}
