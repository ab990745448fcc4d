import type { Engine } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import type { FleetId, HostId } from '../model/ids.ts';
import { wrongInput } from './failure.ts';
import type { Ports } from './ports.ts';

/** Hosts that a message names; more would hide what it says. */
const MAX_NAMED = 20;

/** The fleet that this worker serves, if it is the one that is meant. */
export function ownFleet(ports: Pick<Ports, 'loadFleet'>, fleet: FleetId): Fleet {
  const loaded = ports.loadFleet();
  if (loaded.fleet !== fleet) throw wrongInput(`this worker serves fleet ${loaded.fleet}, not ${fleet}`);
  return loaded;
}

export function engineOf(
  ports: Pick<Ports, 'loadFleet' | 'engine'>,
  { fleet, host }: { readonly fleet: FleetId; readonly host: HostId },
): Engine {
  const names = ownFleet(ports, fleet).hosts.map(({ name }) => name);
  if (names.includes(host)) return ports.engine(host);
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  const named = `${names.slice(0, MAX_NAMED).join(', ')}${more}`;
  throw wrongInput(`there is no host ${host} in fleet ${fleet}; its hosts are ${named}`);
}
