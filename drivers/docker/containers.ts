import {
  EngineError,
  type ContainerEngine,
  type ContainerSpec,
  type ContainerState,
  type ContainerSummary,
} from '../../model/engine.ts';
import { isOwnLabel } from '../../model/replacement.ts';
import { unitLabels } from '../../model/unit.ts';
import { readId, readState, readSummaries } from './answers.ts';
import type { EngineConnection } from './connection.ts';
import { portBindings } from './ports.ts';
import { compareContainer } from './replacement/compare.ts';
import { discardKept } from './replacement/kept.ts';
import { putBackContainer } from './replacement/put-back.ts';
import { replaceContainer } from './replacement/replace.ts';

/** Longest a question takes that changes nothing; ms. */
const ASK_MS = 10_000;
/** Longest a create, start or remove takes; ms. A slow disk takes seconds for a large image's first container. */
const CHANGE_MS = 60_000;
/** What the engine gets beyond the time that a container has to end; ms. */
const STOP_MARGIN_MS = 15_000;
/** How often a name that is in the way is looked at again, when it comes and goes. */
const MAX_CREATES = 3;

/** Reads and changes of single containers, all idempotent. */
export function createContainers(connection: EngineConnection): ContainerEngine {
  return {
    imagePresent: async (reference, signal) => (await inspectImage(connection, reference, signal)) !== null,
    inspectContainer: (container, signal) => inspect(connection, container, signal),
    createContainer: (spec, signal) => create(connection, { spec, signal }),
    startContainer: async (container, signal) => {
      await connection.ask({ ...change(container, 'start'), signal });
    },
    stopContainer: async (container, { timeoutS, signal }) => {
      const withinMs = timeoutS * 1_000 + STOP_MARGIN_MS;
      await connection.ask({ ...change(container, 'stop'), query: { t: String(timeoutS) }, withinMs, signal });
    },
    renameContainer: async (container, name, signal) => {
      await connection.ask({ ...change(container, 'rename'), query: { name }, signal });
    },
    removeContainer: (container, options) => remove(connection, container, options),
    setRestartPolicy: async (container, policy, signal) => {
      const body = { RestartPolicy: { Name: policy, MaximumRetryCount: 0 } };
      await connection.ask({ ...change(container, 'update'), body, signal });
    },
    replaceContainer: (replacement) => replaceContainer(connection, replacement),
    putBackContainer: (way) => putBackContainer(connection, way),
    compareContainer: (wish) => compareContainer(connection, wish),
    discardKept: (container, only, signal) => discardKept({ connection, container, signal }, only),
  };
}

const change = (container: string, action: 'start' | 'stop' | 'rename' | 'update') =>
  ({
    what: `${action} ${container}`,
    method: 'POST',
    path: `/containers/${container}/${action}`,
    withinMs: CHANGE_MS,
  }) as const;

/** The image's id, or null. */
export async function inspectImage(
  connection: EngineConnection,
  reference: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const path = `/images/${reference}/json`;
  const answer = connection.ask({ what: `inspect image ${reference}`, method: 'GET', path, withinMs: ASK_MS, signal });
  return orNull(answer.then(readId));
}

export function inspect(
  connection: EngineConnection,
  container: string,
  signal?: AbortSignal,
): Promise<ContainerState | null> {
  const path = `/containers/${container}/json`;
  const answer = connection.ask({ what: `inspect ${container}`, method: 'GET', path, withinMs: ASK_MS, signal });
  return orNull(answer.then(readState));
}

export async function listContainers(
  connection: EngineConnection,
  labels: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<readonly ContainerSummary[]> {
  const filters = JSON.stringify({ label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) });
  const query = { all: 'true', filters };
  const answer = await connection.ask({
    what: 'list containers',
    method: 'GET',
    path: '/containers/json',
    query,
    withinMs: ASK_MS,
    signal,
  });
  return readSummaries(answer);
}

type Removal = Parameters<ContainerEngine['removeContainer']>[1];

export async function remove(
  connection: EngineConnection,
  container: string,
  { force, volumes = false, signal }: Removal,
): Promise<void> {
  const query = { force: String(force), v: String(volumes) };
  const path = `/containers/${container}`;
  await orNull(
    connection.ask({ what: `remove ${container}`, method: 'DELETE', path, query, withinMs: CHANGE_MS, signal }),
  );
}

type Creation = {
  readonly spec: ContainerSpec;
  /** More of the engine's HostConfig than a step's container has. */
  readonly host?: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal | undefined;
};

/** Creates it, or adopts what an earlier attempt created under the name. */
export async function create(
  connection: EngineConnection,
  { spec, host = {}, signal }: Creation,
): Promise<{ readonly id: string; readonly adopted: boolean }> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await connection.ask({
        what: `create ${spec.name}`,
        method: 'POST',
        path: '/containers/create',
        query: { name: spec.name },
        body: toBody(spec, host),
        withinMs: CHANGE_MS,
        signal,
      });
      return { id: readId(answer), adopted: false };
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'conflict' || attempt >= MAX_CREATES) throw error;
      const found = await inspect(connection, spec.name, signal);
      if (found === null) continue;
      if (await isAsWanted(connection, found, spec)) return { id: found.id, adopted: true };
      if (!isOwn(found, spec)) throw error;
      await remove(connection, found.id, { force: true, ...(signal === undefined ? {} : { signal }) });
    }
  }
}

async function isAsWanted(connection: EngineConnection, found: ContainerState, spec: ContainerSpec): Promise<boolean> {
  const isLabelled = Object.entries(spec.labels).every(([name, value]) => found.labels[name] === value);
  return isLabelled && found.imageId === (await inspectImage(connection, spec.image));
}

/** Only those are ever removed to make room: a unit's container for one of the same unit, other work of refit's for other work. */
function isOwn({ labels: found }: ContainerSummary, { labels: wanted }: ContainerSpec): boolean {
  const units = [found, wanted].map((labels) => labels[unitLabels.unit]);
  if (units.some((unit) => unit !== undefined)) return units[0] === units[1];
  return Object.keys(found).some(isOwnLabel);
}

function toBody(spec: ContainerSpec, host: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    Image: spec.image,
    ...(spec.command.length > 0 ? { Cmd: spec.command } : {}),
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: spec.labels,
    Tty: false,
    ExposedPorts: Object.fromEntries(Object.keys(portBindings(spec.ports)).map((port) => [port, {}])),
    HostConfig: {
      Binds: spec.volumes,
      PortBindings: portBindings(spec.ports),
      NetworkMode: spec.network,
      RestartPolicy: { Name: spec.restart, MaximumRetryCount: 0 },
      ...(spec.memoryBytes === undefined ? {} : { Memory: spec.memoryBytes }),
      ...host,
    },
  };
}

/** What is not there is an answer here, not a failure. */
async function orNull<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'notFound') return null;
    throw error;
  }
}
