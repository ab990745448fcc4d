import { cancellationSignal, log } from '@temporalio/activity';
import { EngineError } from '../model/engine.ts';
import { workerIdentity } from '../model/upgrader-container.ts';
import { buildOf, upgraderContainer } from '../model/upgrader.ts';
import { whileBeating } from './beating.ts';
import { engineOf } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import type { SelfUpgradeActivities, SuccessorInput, SuccessorStart } from './self-upgrade-activities.ts';
import { pullSuccessor, stopAndRemove, successorSpec, type UpgraderPlace } from './upgrader-containers.ts';

/** Longest from the container's start until Temporal hears its worker ask for work; ms. It takes two seconds, on a slow disk ten. */
const ASKS_WITHIN_MS = 90_000;
/** How often Temporal and the engine are asked meanwhile; ms. */
const LOOK_MS = 500;

type SuccessorPorts = Pick<Ports, 'engine' | 'loadFleet' | 'registryAuth' | 'workerVersions' | 'clock'>;

/** Idempotent: a successor that asks for work is left alone; one that an attempt left half is gone on with. */
export function createStartSuccessor(ports: SuccessorPorts): SelfUpgradeActivities['startSuccessor'] {
  return async (input) => {
    const place = placeOf(ports, input);
    try {
      return await whileBeating(
        () => ({ host: input.host, stage: 'starting' }),
        async () => start(ports, place, input),
      );
    } catch (error) {
      place.signal.throwIfAborted();
      if (error instanceof EngineError) return { outcome: 'failed', message: error.message };
      throw error;
    }
  };
}

/** Idempotent. One that is current by now is nobody's to drop. */
export function createDropSuccessor(ports: SuccessorPorts): SelfUpgradeActivities['dropSuccessor'] {
  return async (input) => {
    const place = placeOf(ports, input);
    const build = buildOf(input.image);
    await whileBeating(
      () => ({ host: input.host, stage: 'dropping' }),
      async () => {
        const versions = await ports.workerVersions.list(place.signal);
        const isCurrent = versions.some((version) => version.build === build && version.isCurrent);
        if (isCurrent) log.warn('successor stays: it is the current version', { host: input.host, build });
        else await stopAndRemove(place, upgraderContainer('worker', build));
      },
    );
  };
}

const placeOf = (ports: SuccessorPorts, { fleet, host }: SuccessorInput): UpgraderPlace => ({
  ...{ fleet, host, engine: engineOf(ports, { fleet, host }), signal: cancellationSignal() },
});

async function start(
  ports: SuccessorPorts,
  place: UpgraderPlace,
  { host, image, deadlineMs }: SuccessorInput,
): Promise<SuccessorStart> {
  const build = buildOf(image);
  const name = upgraderContainer('worker', build);
  const { engine, signal } = place;
  const before = await engine.inspectContainer(name, signal);
  if (before?.running === true && (await asks(ports, place, build))) return { outcome: 'running' };
  const problem = await pullSuccessor(ports, place, { image, deadlineMs });
  if (problem !== null) return { outcome: 'failed', message: problem };
  await engine.createContainer(await successorSpec(place, 'worker', image), signal);
  await engine.startContainer(name, signal);
  const until = ports.clock.now() + ASKS_WITHIN_MS;
  while (ports.clock.now() < until) {
    if (await asks(ports, place, build)) return { outcome: 'started' };
    await ports.clock.sleep(LOOK_MS, signal);
  }
  const message = `host ${host}: no worker of build ${build} asked for work within ${ASKS_WITHIN_MS / 1000} s`;
  const how = await stateOf(place, name);
  await stopAndRemove(place, name);
  return { outcome: 'failed', message: `${message}; ${how}` };
}

async function asks(
  { workerVersions }: Pick<Ports, 'workerVersions'>,
  { host, signal }: UpgraderPlace,
  build: string,
): Promise<boolean> {
  const versions = await workerVersions.list(signal);
  const identity = workerIdentity(host, build);
  return versions.some((version) => version.build === build && version.workers.includes(identity));
}

async function stateOf({ engine, signal }: UpgraderPlace, name: string): Promise<string> {
  const found = await engine.inspectContainer(name, signal);
  if (found === null) return `its container ${name} is gone`;
  const { status, exitCode } = found;
  return `its container was ${status}${status === 'running' ? '' : `, exit code ${exitCode}`}; it is removed again`;
}
