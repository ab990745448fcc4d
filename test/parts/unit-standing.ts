import { z } from 'zod';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { UnitId } from '../../model/ids.ts';
import { networkName, unitLabels, volumePrefix, type SlotOrShared } from '../../model/unit.ts';
import { get } from '../drivers/replacing/images.ts';
import { hostNames, type TwoHosts } from './two-hosts.ts';

/** What of a slot is on the hosts, in words that two of them can be compared by. */
export type Standing = {
  /** `host-1 shop-blue-web-1 running since … as …`; jobs are none. */
  readonly members: readonly string[];
  /** Of members and jobs, and networks and volumes: `host-1 shop-blue`. */
  readonly all: readonly string[];
};

const networks = z.array(z.object({ Name: z.string() }));
const volumes = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() });

export async function standingOf(hosts: TwoHosts, unit: UnitId, slot: SlotOrShared): Promise<Standing> {
  const members: string[] = [];
  const all: string[] = [];
  for (const host of hostNames) {
    const { access } = hosts.engines[host];
    const engine = createEngine(access, host);
    for (const { id, name, labels } of await engine.listContainers({
      [unitLabels.unit]: unit,
      [unitLabels.slot]: slot,
    })) {
      all.push(`${host} ${name}`);
      const state = await engine.inspectContainer(id);
      if (labels[unitLabels.service] === undefined || state === null) continue;
      members.push(`${host} ${name} ${state.status} since ${state.startedAt} as ${id}`);
    }
    const connection = new EngineConnection(access, host);
    const made = networks.parse(await get(connection, '/networks')).map(({ Name: name }) => name);
    const kept = volumes.parse(await get(connection, '/volumes')).Volumes ?? [];
    all.push(...made.filter((name) => name === networkName(unit, slot)).map((name) => `${host} network ${name}`));
    const own = kept.map(({ Name: name }) => name).filter((name) => name.startsWith(volumePrefix(unit, slot)));
    all.push(...own.map((name) => `${host} volume ${name}`));
  }
  return { members: members.sort(), all: all.sort() };
}
