import { hostname, userInfo } from 'node:os';
import { findFleetFile, loadFleet } from '../../drivers/fleet-file.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseUpgradeId, type UpgradeId } from '../../model/ids.ts';
import type { FleetClient } from '../fleet-client.ts';
import type { FoundUpgrade } from '../upgrades.ts';
import { apiFromEnvironment } from './api-options.ts';
import { exitCodes, fail } from './exit.ts';

/** Upgrades that a message names when the one asked for isn't there; the latest. */
const MAX_NAMED_UPGRADES = 10;

/** The fleet of this command: --fleet, else REFIT_FLEET, else .refit/fleet.yaml upwards from here. */
export function openFleet(): Fleet {
  try {
    return loadFleet(findFleetFile());
  } catch (error) {
    fail(exitCodes.wrongInput, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Runs a command that speaks to the fleet, straight or through an API, and closes all connections whatever happens. */
export async function withFleet<Result>(work: (client: FleetClient) => Promise<Result>): Promise<Result> {
  const client = await openClient();
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Only one of the two is loaded: what speaks to Temporal, etcd and engines is large. */
async function openClient(): Promise<FleetClient> {
  const api = apiFromEnvironment();
  if (api !== null) {
    const { openRemoteFleet } = await import('../remote/remote-fleet.ts');
    return openRemoteFleet(api);
  }
  const fleet = openFleet();
  const { openFleetClient } = await import('../direct-fleet.ts');
  return openFleetClient(fleet);
}

/** The upgrade's name as it came from the shell. */
export const upgradeIdFrom = (text: string): UpgradeId => parsedBy(parseUpgradeId, text);

/** A name from the shell; one that can't be a name is wrong input. */
export function parsedBy<Id>(parse: (text: string) => Id, text: string): Id {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof RangeError) fail(exitCodes.wrongInput, error.message, { cause: error });
    throw error;
  }
}

/** Ends the command, naming the upgrades that there are. */
export async function failUnknownUpgrade(
  { fleet, upgrades }: Pick<FleetClient, 'fleet' | 'upgrades'>,
  id: string,
): Promise<never> {
  fail(exitCodes.wrongInput, `fleet ${fleet} has no upgrade ${id}; ${named(await upgrades.list())}`);
}

/** Who asks, for the record: the person, also behind sudo, and the machine. */
export function whoAmI(): string {
  return `${process.env['SUDO_USER'] ?? userInfo().username}@${hostname()}`;
}

function named(list: readonly FoundUpgrade[]): string {
  if (list.length === 0) return 'it had none yet';
  const names = list.slice(0, MAX_NAMED_UPGRADES).map((each) => each.id);
  return list.length > names.length ? `the latest are ${names.join(', ')}` : `there are ${names.join(', ')}`;
}
