import { assert } from '../../model/assert.ts';
import type { BalancedUnit, SlotBalancer, SlotServer, SlotTraffic } from '../../model/slot-balancer.ts';
import type { Slot } from '../../model/unit.ts';
import { fillSlot } from '../../model/unit-tokens.ts';
import { field, parseStatistics, type Row } from './answers.ts';
import { failure } from './commands.ts';
import { readActiveInFile, whyNot, writeActiveInFile } from './map-file.ts';
import { activeOf, readActiveInMap, setActiveInMap } from './running-map.ts';
import type { Balancer } from './runtime-api.ts';
import { askRows, readServers } from './servers.ts';
import { findProblems, type HaproxyUnit } from './slot-problems.ts';

/**
 * HAProxy as what switches units. Its configuration has a map for each unit, which every frontend of the unit asks at each
 * request, and a backend for each slot:
 *
 *     frontend web
 *       use_backend shop-web-%[str(active),map(/etc/haproxy/units/shop.map,blue)]
 *     backend shop-web-blue
 *     backend shop-web-green
 *
 * So one command switches all frontends at once, and the map's file keeps it over reload and restart. A frontend in TCP mode
 * asks when a connection begins: one that is kept goes on where it is.
 */
export function createHaproxySlots(balancer: Balancer): SlotBalancer {
  return {
    active: async (unit, signal) => activeOf(await readActiveInMap(balancer, ofHaproxy(unit).map, signal)),
    cutOver: async (unit, to, signal) => cutOver(balancer, { of: ofHaproxy(unit), to }, signal),
    servers: async (unit, slot, signal) => slotServers(balancer, { of: ofHaproxy(unit), slot }, signal),
    traffic: async (unit, slot, signal) => countTraffic(balancer, { of: ofHaproxy(unit), slot }, signal),
    problems: async (unit, signal) => findProblems(balancer, ofHaproxy(unit), signal),
  };
}

function ofHaproxy({ unit, balancer }: BalancedUnit): HaproxyUnit {
  assert(balancer.type === 'haproxy', `expected a unit that HAProxy switches, got ${unit}`);
  return balancer;
}

/**
 * 1. A map that HAProxy does not know fails before anything has changed.
 * 2. The file comes first: if HAProxy starts in between, it is switched by that; if the file can't be written, nothing moved.
 * 3. Both are read back, since two cutovers at once, or a reload between the two, could leave them apart. Done again it is right.
 */
async function cutOver(
  balancer: Balancer,
  { of: { map, mapFile }, to }: { readonly of: HaproxyUnit; readonly to: Slot },
  signal?: AbortSignal,
): Promise<void> {
  const before = await readActiveInMap(balancer, map, signal);
  await writeActiveInFile(mapFile, to).catch((cause: unknown) => {
    throw failure(balancer, 'refused', `${whyNot(mapFile, cause)}; nothing was switched`);
  });
  await setActiveInMap(balancer, { map, to, isThere: before.length > 0 }, signal);
  const now = activeOf(await readActiveInMap(balancer, map, signal));
  if (now !== to) throw failure(balancer, 'refused', `map ${map} is ${now} though ${to} was asked for`);
  const kept = activeOf(await readActiveInFile(mapFile));
  if (kept !== to) throw failure(balancer, 'refused', `map file ${mapFile} is ${kept} though ${to} was asked for`);
}

async function slotServers(
  balancer: Balancer,
  { of, slot }: { readonly of: HaproxyUnit; readonly slot: Slot },
  signal?: AbortSignal,
): Promise<readonly SlotServer[]> {
  const found = of.frontends.map(async ({ service, backend }) => {
    const servers = await readServers(balancer, fillSlot(backend, slot), signal);
    return servers.map(({ name, state, health, sessions, address }) => {
      return { service, name, state, health, sessions, address };
    });
  });
  return (await Promise.all(found)).flat();
}

/** HAProxy's own answers for want of a server are among the errors. Counts begin anew at each reload and restart. */
async function countTraffic(
  balancer: Balancer,
  { of, slot }: { readonly of: HaproxyUnit; readonly slot: Slot },
  signal?: AbortSignal,
): Promise<SlotTraffic> {
  const backends = [...new Set(of.frontends.map(({ backend }) => fillSlot(backend, slot)))];
  // Of all proxies, since older versions take no name here; 2 is for backends, -1 for all servers.
  const rows = await askRows(balancer, 'show stat -1 2 -1', { parse: parseStatistics, signal });
  const counts = backends.map((backend) => {
    const row = rows.find((one) => field(one, 'pxname') === backend);
    if (row === undefined) throw failure(balancer, 'notFound', `there is no backend ${backend}`);
    return toTraffic(row);
  });
  return {
    requests: counts.reduce((sum, { requests }) => sum + requests, 0),
    errors: counts.reduce((sum, { errors }) => sum + errors, 0),
  };
}

/** In TCP mode there are no requests, only connections. */
function toTraffic(row: Row): SlotTraffic {
  const count = (name: string): number => Number(field(row, name));
  if (field(row, 'mode') === 'http') return { requests: count('req_tot'), errors: count('hrsp_5xx') };
  return { requests: count('stot'), errors: count('econ') + count('eresp') };
}
