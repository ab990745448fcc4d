import { LoadBalancerError } from '../../model/load-balancer.ts';
import { ACTIVE_KEY, type UnitBalancer } from '../../model/slot-balancer.ts';
import { slots } from '../../model/unit.ts';
import { fillSlot } from '../../model/unit-tokens.ts';
import { mapFileProblem, readActiveInFile } from './map-file.ts';
import { activeOf, readActiveInMap } from './running-map.ts';
import { askHaproxy, describeBalancer, type Balancer } from './runtime-api.ts';
import { readServers } from './servers.ts';

export type HaproxyUnit = Extract<UnitBalancer, { readonly type: 'haproxy' }>;

/** What of HAProxy's configuration and the map's file would keep a cutover from working, all at once. */
export async function findProblems(
  balancer: Balancer,
  unit: HaproxyUnit,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const problems = [
    await levelProblem(balancer, signal),
    await mapProblem(balancer, unit, signal),
    ...(await backendProblems(balancer, unit, signal)),
  ];
  return problems.flatMap((problem) => (problem === null ? [] : [`${describeBalancer(balancer)}: ${problem}`]));
}

async function levelProblem(balancer: Balancer, signal?: AbortSignal): Promise<string | null> {
  const level = (await askHaproxy(balancer, 'show cli level', signal)).trim();
  return level === 'admin' ? null : `its stats socket has level ${level}, and needs: level admin`;
}

/** The file is compared only with a map that is there, since a file alone says nothing. */
async function mapProblem(balancer: Balancer, unit: HaproxyUnit, signal?: AbortSignal): Promise<string | null> {
  const running = await unlessMissing(readActiveInMap(balancer, unit.map, signal));
  if (running === null) return `it knows no map ${unit.map}; its frontends need: ${neededLines(unit).join(' and ')}`;
  const problem = await mapFileProblem(unit.mapFile);
  if (problem !== null) return problem;
  const [now, kept] = [activeOf(running), activeOf(await readActiveInFile(unit.mapFile))];
  if (now === kept) return null;
  const todo = `make them agree, with "${ACTIVE_KEY} blue" or "${ACTIVE_KEY} green" in the file and a reload`;
  return `map ${unit.map} is ${now}, and its file ${unit.mapFile} is ${kept}; ${todo}`;
}

function neededLines({ map, frontends }: HaproxyUnit): readonly string[] {
  const active = `%[str(${ACTIVE_KEY}),map(${map},blue)]`;
  return [...new Set(frontends.map(({ backend }) => `use_backend ${backend.replaceAll('{slot}', active)}`))];
}

async function backendProblems(
  balancer: Balancer,
  { frontends }: HaproxyUnit,
  signal?: AbortSignal,
): Promise<readonly (string | null)[]> {
  const backends = new Set(frontends.flatMap(({ backend }) => slots.map((slot) => fillSlot(backend, slot))));
  const found = [...backends].map(async (backend) => {
    const servers = await unlessMissing(readServers(balancer, backend, signal));
    if (servers === null) return `there is no backend ${backend}`;
    return servers.length === 0 ? `backend ${backend} has no server` : null;
  });
  return Promise.all(found);
}

async function unlessMissing<Value>(reading: Promise<Value>): Promise<Value | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof LoadBalancerError && error.kind === 'notFound') return null;
    throw error;
  }
}
