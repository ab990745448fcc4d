import { cancellationSignal } from '@temporalio/activity';
import { EngineError, type ContainerSummary } from '../model/engine.ts';
import { buildOf, upgraderContainer } from '../model/upgrader.ts';
import { whileBeating } from './beating.ts';
import { engineOf } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import type { SelfUpgradeActivities, SuccessorInput, SuccessorStart } from './self-upgrade-activities.ts';
import {
  isOfBuild,
  pullSuccessor,
  stopAndRemove,
  successorSpec,
  upgraderContainers,
  type UpgraderPlace,
} from './upgrader-containers.ts';

/** How long the new API must run, and be healthy where its image says how to tell, and when it must be so; ms. */
const HEALTH = { minHealthyTimeMs: 2_000, deadlineMs: 60_000, probe: null } as const;
/** What a request at work gets to end; s. */
const STOP_S = 10;

type ApiPorts = Pick<Ports, 'engine' | 'loadFleet' | 'registryAuth'>;

/**
 * Idempotent: an attempt that was cut off is gone on with. Two APIs can't listen on one port of the host's network, so that
 * the old one stops before the new one starts; it runs again if the new one does not get well.
 */
export function createReplaceApi(ports: ApiPorts): SelfUpgradeActivities['replaceApi'] {
  return async (input) => {
    const { fleet, host } = input;
    const place = { fleet, host, engine: engineOf(ports, input), signal: cancellationSignal() };
    try {
      return await whileBeating(
        () => ({ host, stage: 'replacing the api' }),
        async () => replace(ports, place, input),
      );
    } catch (error) {
      place.signal.throwIfAborted();
      if (error instanceof EngineError) return { outcome: 'failed', message: error.message };
      throw error;
    }
  };
}

async function replace(
  ports: ApiPorts,
  place: UpgraderPlace,
  { image, deadlineMs }: SuccessorInput,
): Promise<SuccessorStart> {
  const { engine, signal } = place;
  const all = await upgraderContainers(place, 'api');
  const others = all.filter((container) => !isOfBuild(container, image));
  if (all.length === 0) return { outcome: 'absent' };
  if (others.length === 0 && all.every(({ running }) => running)) return { outcome: 'running' };
  const problem = await pullSuccessor(ports, place, { image, deadlineMs });
  if (problem !== null) return { outcome: 'failed', message: problem };
  const name = upgraderContainer('api', buildOf(image));
  await engine.createContainer(await successorSpec(place, 'api', image), signal);
  for (const { id } of others) await engine.stopContainer(id, { timeoutS: STOP_S, signal });
  const sick = await begin(place, name);
  if (sick !== null) return putBack(place, { name, others, sick });
  for (const { id } of others) await engine.removeContainer(id, { force: true, signal });
  return { outcome: 'started' };
}

/** null: it runs and is well. */
async function begin({ engine, signal }: UpgraderPlace, name: string): Promise<string | null> {
  try {
    await engine.startContainer(name, signal);
    return await engine.awaitHealth(name, HEALTH, signal);
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'refused') return error.message;
    throw error;
  }
}

async function putBack(
  place: UpgraderPlace,
  {
    name,
    others,
    sick,
  }: { readonly name: string; readonly others: readonly ContainerSummary[]; readonly sick: string },
): Promise<SuccessorStart> {
  await stopAndRemove(place, name);
  const [last] = others;
  if (last !== undefined) await place.engine.startContainer(last.id, place.signal);
  const back = last === undefined ? 'there was no other' : `${last.name} runs again`;
  return { outcome: 'failed', message: `host ${place.host}: ${name} is not well: ${sick}; ${back}` };
}
