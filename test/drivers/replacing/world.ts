import { EngineConnection } from '../../../drivers/docker/connection.ts';
import { createEngine } from '../../../drivers/docker/engine.ts';
import type { ContainerState, Engine } from '../../../model/engine.ts';
import { startEngine, type TestEngine } from '../../parts/engine.ts';
import { createStarted, makeImage, post, type Fields } from './images.ts';

/** An engine with images to replace containers by. */
export type World = {
  readonly started: TestEngine;
  readonly engine: Engine;
  readonly connection: EngineConnection;
  /** A container of image old:1 that runs, and its id. */
  readonly run: (name: string, more?: Running) => Promise<string>;
  /** All containers of the name and its stand-ins. */
  readonly of: (name: string) => Promise<readonly Standing[]>;
  readonly inspect: (name: string) => Promise<ContainerState>;
};
export type Running = { readonly config?: Fields; readonly host?: Fields; readonly isStarted?: boolean };
export type Standing = { readonly name: string; readonly running: boolean; readonly image: string };

export const SLEEP = 'exec /bin/busybox sleep 9999';
const config = {
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: [SLEEP],
  // A first process without a handler does not end at SIGTERM.
  StopSignal: 'SIGKILL',
};

export async function startWorld(): Promise<World> {
  const started = await startEngine();
  const connection = new EngineConnection(started.access, 'host-1');
  const engine = createEngine(started.access, 'host-1');
  await started.importBusybox('base:1');
  await makeImage(connection, { base: 'base:1', name: 'old:1', config });
  await makeImage(connection, { base: 'base:1', name: 'new:1', config: { ...config, Labels: { version: 'new' } } });
  const inspect = async (name: string): Promise<ContainerState> => {
    const found = await engine.inspectContainer(name);
    if (found === null) throw new Error(`no container ${name}`);
    return found;
  };
  return {
    started,
    engine,
    connection,
    inspect,
    run: async (name, { config: more = {}, host = {}, isStarted = true } = {}) => {
      const body = { Image: 'old:1', ...more, HostConfig: { NetworkMode: 'none', ...host } };
      if (isStarted) await createStarted(connection, name, body);
      else await post(connection, '/containers/create', { body, query: { name } });
      return (await inspect(name)).id;
    },
    of: async (name) => standing(await engine.listContainers({}), name),
  };
}

function standing(all: Awaited<ReturnType<Engine['listContainers']>>, name: string): readonly Standing[] {
  const own = all.filter((one) => one.name === name || one.name.startsWith(`${name}.refit-`));
  return own.map(({ name: called, running, image }) => ({ name: called, running, image }));
}
