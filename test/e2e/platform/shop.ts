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

/** Of which something runs: blue, green, shared. */
export async function runningSlots(): Promise<readonly string[]> {
  const running = (await shopContainers()).filter((line) => line.endsWith(' running'));
  return [...new Set(running.map((line) => line.split('-')[2] ?? ''))].sort();
}

/** Names of the slot's members; its jobs, which have ended, are none. */
export const shopMembers = async (slot: Slot): Promise<readonly string[]> =>
  (await shopContainers(slot)).flatMap((line) => (line.includes(' shop-job-') ? [] : (line.split(' ')[1] ?? [])));

/** Which members these are, and since when they run: the same text, and nobody has touched them. */
export const shopIdentity = async (slot: Slot): Promise<string> => hostLines(identityScript(slot));
const identityScript = (slot: Slot): string =>
  `docker ps --all --quiet ${labelled(slot)} | xargs --no-run-if-empty docker inspect --format '{{.Id}} {{.Name}} {{.State.StartedAt}}' | sort`;

/** Members of the slot, and its add-ons. */
const labelled = (slot: Slot): string =>
  ['unit-service', `unit=${SHOP}`, `slot=${slot}`].map((label) => `--filter label=dev.refit.${label}`).join(' ');

/** Containers, networks, volumes and images of all hosts, as one text to compare. */
export const hostObjects = async (): Promise<string> => hostLines(OBJECTS);
const OBJECTS =
  "docker ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.State}}' | sort; docker network ls --quiet | sort; docker volume ls --quiet | sort; docker image ls --all --digests --format '{{.Repository}} {{.Digest}} {{.ID}}' | sort";

/** Members of the slot that engines saw removed since then, by their clock; ms since the epoch. */
export async function removedMembers(
  slot: Slot,
  since: number,
): Promise<readonly { readonly container: string; readonly at: number }[]> {
  const range = `--since ${(since / 1_000).toFixed(3)} --until ${(Date.now() / 1_000).toFixed(3)}`;
  const filters = `--filter event=destroy ${labelled(slot)}`;
  const lines = await hostLines(
    `docker events ${range} ${filters} --format '{{.Actor.Attributes.name}} {{.TimeNano}}'`,
  );
  return lines.split('\n').flatMap((line) => {
    const [, container, nanoseconds] = line.split(' ');
    return container === undefined ? [] : [{ container, at: Number(nanoseconds) / 1e6 }];
  });
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

/** Lines that a script says on each host, each with its host before it. */
async function hostLines(script: string): Promise<string> {
  const texts = await onEachHost(async (host) => {
    const text = await onHost(host, ['sh', '-c', script]);
    return text.split('\n').flatMap((line) => (line === '' ? [] : [`${host} ${line}`]));
  });
  return texts.flat().join('\n');
}

async function onEachHost<Result>(work: (host: string) => Promise<Result>): Promise<readonly Result[]> {
  const hosts = (await lab.state())?.hosts ?? [];
  return Promise.all(hosts.map(async ({ name }) => work(name)));
}
