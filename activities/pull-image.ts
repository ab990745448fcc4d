import { cancellationSignal } from '@temporalio/activity';
import { EngineError, type Engine, type PullFailure } from '../model/engine.ts';
import { imageArchitecture, runsImages } from '../model/platform.ts';
import { pullAuthorized } from './authorized-pull.ts';
import { whileBeating } from './beating.ts';
import { readHostLevel } from './host-levels.ts';
import { change, startBeat, type MemberBeat } from './member-beat.ts';
import type { MemberActivities, PullImageInput, PullImageResult } from './member-activities.ts';
import { engineOf } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';

/** Images of one engine that are looked at at the same time. */
const MAX_PARALLEL = 4;
const MIB = 1024 ** 2;

export type PullPorts = Pick<Ports, 'engine' | 'loadFleet' | 'registryAuth' | 'bus' | 'values'>;

type Attempt = {
  readonly ports: PullPorts;
  readonly input: PullImageInput;
  readonly engine: Engine;
  readonly beat: MemberBeat;
  readonly signal: AbortSignal;
};

/** Idempotent: an image that is there is not pulled again. One that this host can't run does not stay on it. */
export function createPullImage(ports: PullPorts): MemberActivities['pullImage'] {
  return async (input) => {
    const { host } = input;
    const engine = engineOf(ports, input);
    const beat = startBeat({ host, container: null, stage: 'pulling' });
    const signal = cancellationSignal();
    try {
      return await whileBeating(
        () => ({ ...beat }),
        async () => pull({ ports, input, engine, beat, signal }),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineError) return failed('environment', error.message);
      throw error;
    }
  };
}

async function pull(attempt: Attempt): Promise<PullImageResult> {
  const { input, engine, signal } = attempt;
  const { image, host } = input;
  if (!image.includes('@')) {
    if ((await engine.inspectImage(image, signal)) !== null) return checkPlatform(attempt, 'alreadyThere');
    return failed('input', `host ${host} does not have image ${image}, which no registry has under this name`);
  }
  const full = await findFullDisk(attempt);
  if (full !== null) return full;
  const result = await transfer(attempt);
  return result.outcome === 'failed' ? result : checkPlatform(attempt, result.outcome);
}

/** Only an agent knows of its host's disk; where none lives the engine's own words have to do. */
async function findFullDisk({ ports, input, engine, signal }: Attempt): Promise<PullImageResult | null> {
  const { fleet, host, image, diskFloorBytes } = input;
  if (diskFloorBytes === 0 || (await engine.inspectImage(image, signal)) !== null) return null;
  // A container on one host is upgraded without a bus, too.
  const level = await readHostLevel(ports, { fleet, host }).catch(() => null);
  const free = level?.alive?.facts.diskFreeBytes;
  if (free === undefined || free >= diskFloorBytes) return null;
  const [has, floor] = [free, diskFloorBytes].map((bytes) => `${Math.floor(bytes / MIB)} MiB`);
  return failed('environment', `host ${host} has ${has} of disk free, ${floor} are to stay free`);
}

async function transfer({ ports, input, engine, beat, signal }: Attempt): Promise<PullImageResult> {
  const { image, byteLimit, deadlineMs, host } = input;
  const result = await pullAuthorized(ports, engine, {
    ...{ reference: image, byteLimit, deadlineMs, signal },
    onProgress: ({ bytes, totalBytes }) => void Object.assign(beat, { bytes, totalBytes }),
  });
  if (result.outcome !== 'failed') return result;
  return failed(faults[result.kind], `host ${host}: ${result.message}`);
}

/** Whose fault a failed pull is. A transfer that breaks off looks like an image that is broken: the next try tells. */
const faults = {
  notFound: 'input',
  tooLarge: 'input',
  corrupt: 'environment',
  refused: 'environment',
  unreachable: 'environment',
  noSpace: 'environment',
  deadline: 'environment',
} as const satisfies Record<PullFailure, 'environment' | 'input'>;

async function checkPlatform(
  { input: { image, host }, engine, beat, signal }: Attempt,
  outcome: 'pulled' | 'alreadyThere',
): Promise<PullImageResult> {
  const [found, info] = await Promise.all([engine.inspectImage(image, signal), engine.info(signal)]);
  if (found === null) return failed('environment', `host ${host}: image ${image} is gone again after its pull`);
  if (runsImages(info.architecture, found.architecture)) return { outcome };
  if (await runsAlready(engine, found.architecture, signal)) return { outcome };
  change(beat, { stage: 'finishing' });
  if (outcome === 'pulled') await engine.removeImage(image, signal);
  const here = imageArchitecture(info.architecture);
  return failed('input', `image ${image} is for ${found.architecture}, ${host} runs ${here}`);
}

/** By emulation: a host that runs a container of that architecture can run another. */
async function runsAlready(engine: Engine, architecture: string, signal: AbortSignal): Promise<boolean> {
  const running = (await engine.listContainers({}, signal)).filter((container) => container.running);
  const images = [...new Set(running.map(({ imageId }) => imageId))];
  const found = await inParallel(images, MAX_PARALLEL, async (image) => engine.inspectImage(image, signal));
  return found.some((image) => image?.architecture === architecture);
}

const failed = (kind: 'environment' | 'input', message: string): Extract<PullImageResult, { outcome: 'failed' }> => ({
  ...{ outcome: 'failed', kind, message },
});
