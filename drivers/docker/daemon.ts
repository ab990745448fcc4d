import { z } from 'zod';
import { EngineError, type EngineDaemon, type RunningContainer } from '../../model/engine.ts';
import type { EngineAccess } from '../../model/fleet.ts';
import { EngineConnection } from './connection.ts';
import { createContainers } from './containers.ts';

/** Longest that an engine takes to say how it, or one of its containers, is; ms. */
const ASK_MS = 10_000;
/** On every container of a swarm's. */
const SWARM_LABEL = 'com.docker.swarm.task.id';

const About = z.object({
  ServerVersion: z.string(),
  Driver: z.string(),
  DockerRootDir: z.string(),
  LiveRestoreEnabled: z.boolean().default(false),
  Swarm: z.object({ LocalNodeState: z.string().default('inactive') }).default({ LocalNodeState: 'inactive' }),
});
const Listed = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()).nullish() }));
const Inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({ StartedAt: z.string(), Running: z.boolean(), ExitCode: z.number() }),
  HostConfig: z.object({ RestartPolicy: z.object({ Name: z.string() }), AutoRemove: z.boolean().default(false) }),
});
type Inspected = z.infer<typeof Inspected>;

/** A Docker Engine as what upgrades it sees it. */
export function createEngineDaemon(access: EngineAccess, host = 'host'): EngineDaemon {
  const connection = new EngineConnection(access, host);
  const containers = createContainers(connection);
  const get = (what: string, path: string, signal?: AbortSignal): Promise<unknown> =>
    connection.ask({ what, method: 'GET', path, withinMs: ASK_MS, signal });
  const inspect = async (id: string, signal?: AbortSignal): Promise<Inspected | null> => {
    try {
      return Inspected.parse(await get(`inspect ${id}`, `/containers/${id}/json`, signal));
    } catch (error) {
      if (error instanceof EngineError && error.kind === 'notFound') return null;
      throw error;
    }
  };
  return {
    about: async (signal) => {
      const found = About.parse(await get('info', '/info', signal));
      const isSwarm = found.Swarm.LocalNodeState !== 'inactive';
      const store = `${found.Driver} in ${found.DockerRootDir}`;
      return { version: found.ServerVersion, isLiveRestore: found.LiveRestoreEnabled, isSwarm, store };
    },
    running: async (signal) => {
      const listed = Listed.parse(await get('list containers', '/containers/json', signal));
      const own = listed.filter(({ Labels }) => Labels?.[SWARM_LABEL] === undefined);
      // One at a time: each is a request of its own to an engine that serves others meanwhile.
      const found: RunningContainer[] = [];
      for (const { Id } of own) {
        const container = await inspect(Id, signal);
        // It may have ended since the list was made.
        if (container?.State.Running === true) found.push(toRunning(container));
      }
      return found;
    },
    endOf: async (container, signal) => {
      const found = await inspect(container, signal);
      if (found === null) return 'gone';
      const { State, HostConfig } = found;
      const isOver = ['', 'no', 'on-failure'].includes(HostConfig.RestartPolicy.Name) && State.ExitCode === 0;
      return !State.Running && isOver ? 'done' : null;
    },
    startContainer: (container, signal) => containers.startContainer(container, signal),
  };
}

const toRunning = ({ Id, Name, State, HostConfig }: Inspected): RunningContainer => ({
  id: Id,
  name: Name.replace(/^\//, ''),
  startedAt: State.StartedAt,
  isAutoRemove: HostConfig.AutoRemove,
});
