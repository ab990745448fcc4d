import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadFleet } from '../../../drivers/fleet-file.ts';
import { createHaproxySlots } from '../../../drivers/haproxy/slots.ts';
import { shopUrls } from '../../../lab/haproxy.ts';
import { get } from '../../../lab/http.ts';
import { publishShop, type PublishShopOptions } from '../../../lab/sample/shop-release.ts';
import { SHOP } from '../../../lab/shop-frontends.ts';
import { haproxyOf } from '../../../model/fleet.ts';
import type { Slot } from '../../../model/unit.ts';
import { lab, onHost } from './refit.ts';
import { nextVersion } from './upgrade.ts';

/** The unit of the lab's sample, blue and green on the hosts of the test lab. */
export type ShopRelease = { readonly version: string; readonly reference: string };

let folder: string | null = null;

/** A version that no test had before, unless it says which. */
export async function publishShopNext(
  options: Partial<Omit<PublishShopOptions, 'folder' | 'registries'>> = {},
): Promise<ShopRelease> {
  folder ??= await mkdtemp(join(tmpdir(), 'refit-e2e-shop-'));
  const version = options.version ?? nextVersion();
  const { registries } = loadFleet(lab.paths.fleetFile);
  const { reference } = await publishShop({ ...options, version, folder, registries });
  return { version, reference };
}

/** Where users reach the unit. */
export async function shopAddresses(): Promise<{ readonly web: string; readonly api: string }> {
  const balancer = (await lab.state())?.balancer ?? null;
  const urls = balancer === null ? null : shopUrls(balancer);
  if (urls === null) throw new Error('the lab has no unit behind its load balancer');
  return urls;
}

/** Who answers users; null: nobody. */
export async function serving(): Promise<{ readonly version: string; readonly slot: Slot } | null> {
  const { status, body } = await get(`${(await shopAddresses()).web}/`);
  return status === 200 ? (JSON.parse(body) as { readonly version: string; readonly slot: Slot }) : null;
}

/** `host container state`, of all the unit or of one slot, sorted. */
export async function shopContainers(slot?: Slot | 'shared'): Promise<readonly string[]> {
  const filters = [`dev.refit.unit=${SHOP}`, ...(slot === undefined ? [] : [`dev.refit.slot=${slot}`])];
  const args = filters.flatMap((label) => ['--filter', `label=${label}`]);
  const found = await onEachHost(async (host) => {
    const text = await onHost(host, ['docker', 'ps', '--all', ...args, '--format', '{{.Names}} {{.State}}']);
    return text.split('\n').flatMap((line) => (line === '' ? [] : [`${host} ${line}`]));
  });
  return found.flat().sort();
}

/** What the unit has left on the hosts: containers, networks and volumes. A test begins with nothing, and with blue. */
export async function removeShop(): Promise<void> {
  await onEachHost(async (host) => onHost(host, ['sh', '-c', REMOVE_ALL]));
  const fleet = loadFleet(lab.paths.fleetFile);
  const balancer = fleet.units.find(({ name }) => name === SHOP)?.balancer ?? null;
  const edge = haproxyOf(fleet, 'edge');
  if (balancer === null || edge === null) throw new Error('the lab has no load balancer');
  await createHaproxySlots(edge).cutOver({ unit: SHOP, balancer }, 'blue');
}

const REMOVE_ALL = `set -e
ids=$(docker ps --all --quiet --filter label=dev.refit.unit=${SHOP}); test -z "$ids" || docker rm --force --volumes $ids
ids=$(docker network ls --quiet --filter label=dev.refit.unit=${SHOP}); test -z "$ids" || docker network rm $ids
ids=$(docker volume ls --quiet --filter name=^${SHOP}-); test -z "$ids" || docker volume rm $ids`;

/** Rows of a query to the unit's database, which lies on the first host. */
export const queryShop = async (sql: string): Promise<string> =>
  onHost('host-1', [
    ...['docker', 'exec', `${SHOP}-shared-db-1`, 'psql', '--host=127.0.0.1', '--username=postgres'],
    ...['--tuples-only', '--no-align', '--command', sql],
  ]);

async function onEachHost<Result>(work: (host: string) => Promise<Result>): Promise<readonly Result[]> {
  const hosts = (await lab.state())?.hosts ?? [];
  return Promise.all(hosts.map(async ({ name }) => work(name)));
}
