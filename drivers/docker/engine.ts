import type { Engine } from '../../model/engine.ts';
import { EngineError } from '../../model/engine.ts';
import type { EngineAccess } from '../../model/fleet.ts';
import { readInfo } from './answers.ts';
import { EngineConnection } from './connection.ts';
import { createContainers, listContainers } from './containers.ts';
import { lookAtImage } from './image.ts';
import { runJob } from './job.ts';
import { readOwnSettings } from './own-settings.ts';
import { pullImage } from './pull.ts';
import { createSlots } from './slots.ts';

/** Longest that an engine takes to say how it is; ms. */
const INFO_MS = 5_000;
/** Longest that removing an image takes; ms. Large layers are deleted file by file. */
const REMOVE_IMAGE_MS = 60_000;

/** A host's Docker Engine. Opens nothing until the first call, and keeps nothing open between calls. */
export function createEngine(access: EngineAccess, host = 'host'): Engine {
  const connection = new EngineConnection(access, host);
  return {
    ...createContainers(connection),
    ...createSlots(connection),
    info: async (signal) =>
      readInfo(await connection.ask({ what: 'info', method: 'GET', path: '/info', withinMs: INFO_MS, signal })),
    pullImage: (pull) => pullImage(connection, pull),
    runJob: (job) => runJob(connection, job),
    inspectImage: async (reference, signal) => {
      const found = await lookAtImage(connection, reference, signal);
      return found === null ? null : { id: found.id, architecture: found.architecture, os: found.os };
    },
    ownSettings: (container, signal) => readOwnSettings(connection, container, signal),
    removeImage: (reference, signal) => removeImage(connection, reference, signal),
    listContainers: (labels, signal) => listContainers(connection, labels, signal),
  };
}

async function removeImage(
  connection: EngineConnection,
  reference: string,
  signal?: AbortSignal,
): Promise<'removed' | 'absent' | 'inUse'> {
  const path = `/images/${reference}`;
  try {
    const what = `remove image ${reference}`;
    await connection.ask({ what, method: 'DELETE', path, withinMs: REMOVE_IMAGE_MS, signal });
    return 'removed';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.kind === 'notFound') return 'absent';
    if (error.kind === 'conflict') return 'inUse';
    throw error;
  }
}
