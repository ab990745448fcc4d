import { z } from 'zod';
import { EngineError, type RestartPolicy } from '../../../model/engine.ts';
import type { SeenContainer } from '../../../model/replacement-move.ts';
import {
  asideName,
  freshName,
  keptName,
  memoryLabels,
  type RestartSetting,
  type Was,
} from '../../../model/replacement.ts';
import { ASK_MS, type Site } from './site.ts';

/** A container at one moment, as far as its replacement asks. */
export type ContainerLook = {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: string;
  /** Also while it is paused, or between two of its restarts. */
  readonly running: boolean;
  /** It was started before, whether that went well or not. */
  readonly wasTried: boolean;
  readonly exitCode: number;
  /** The engine's words on a start that failed; empty: none did. */
  readonly error: string;
  readonly outOfMemory: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** How often its restart policy has started it since its last start by hand. */
  readonly restarts: number;
  readonly health: { readonly status: 'none' | 'starting' | 'healthy' | 'unhealthy'; readonly output: string };
  readonly restart: RestartSetting;
  /** null: the engine's default. */
  readonly stopTimeoutS: number | null;
  readonly hasTerminal: boolean;
  readonly networks: readonly string[];
  /** Namespaces of other containers that it uses: `container:<id or name>`. */
  readonly shares: readonly string[];
  /** The engine's whole answer. */
  readonly raw: Readonly<Record<string, unknown>>;
};

/** What a new container's labels remember; null: it is not a replacement's. */
export type Memory = { readonly config: string; readonly replaces: string; readonly was: Was };

const NEVER = '0001-01-01T00:00:00Z';
const text = z
  .string()
  .nullish()
  .transform((found) => found ?? '');
const policies: readonly RestartPolicy[] = ['no', 'always', 'unless-stopped', 'on-failure'];

const answer = z
  .looseObject({
    Id: z.string(),
    Name: z.string(),
    Image: z.string(),
    RestartCount: z.number().default(0),
    State: z.looseObject({
      Status: z.string(),
      Running: z.boolean(),
      OOMKilled: z.boolean().default(false),
      ExitCode: z.number(),
      Error: text,
      StartedAt: z.string(),
      FinishedAt: text,
      Health: z
        .looseObject({
          Status: z.enum(['none', 'starting', 'healthy', 'unhealthy']),
          Log: z.array(z.looseObject({ Output: text })).nullish(),
        })
        .nullish(),
    }),
    Config: z.looseObject({
      Labels: z.record(z.string(), z.string()).nullish(),
      StopTimeout: z.number().nullish(),
      Tty: z.boolean().default(false),
    }),
    HostConfig: z.looseObject({
      NetworkMode: text,
      PidMode: text,
      IpcMode: text,
      RestartPolicy: z.object({ Name: text, MaximumRetryCount: z.number().default(0) }),
    }),
    NetworkSettings: z.looseObject({ Networks: z.record(z.string(), z.unknown()).nullish() }),
  })
  .transform(({ State: state, Config: config, HostConfig: host, ...found }): ContainerLook => ({
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    imageId: found.Image,
    labels: config.Labels ?? {},
    status: state.Status,
    running: state.Running,
    // A start that failed leaves no time, only the engine's words or a code.
    wasTried: state.StartedAt !== NEVER || state.Error !== '' || state.ExitCode !== 0,
    exitCode: state.ExitCode,
    error: state.Error,
    outOfMemory: state.OOMKilled,
    startedAt: state.StartedAt,
    finishedAt: state.FinishedAt,
    restarts: found.RestartCount,
    health: { status: state.Health?.Status ?? 'none', output: state.Health?.Log?.at(-1)?.Output ?? '' },
    restart: restartOf(host.RestartPolicy),
    stopTimeoutS: config.StopTimeout ?? null,
    hasTerminal: config.Tty,
    networks: Object.keys(found.NetworkSettings.Networks ?? {}),
    shares: [host.NetworkMode, host.PidMode, host.IpcMode].filter((mode) => mode.startsWith('container:')),
    raw: { ...found, State: state, Config: config, HostConfig: host },
  }));

/** null: there is none of that name or id. */
export async function lookAt(site: Site, container: string): Promise<ContainerLook | null> {
  const { connection, signal } = site;
  const request = { what: `inspect ${container}`, method: 'GET', path: `/containers/${container}/json` } as const;
  try {
    const look = answer.parse(await connection.ask({ ...request, withinMs: ASK_MS, signal }));
    // The engine also takes the beginning of an id for a name.
    return look.name === container || look.id === container ? look : null;
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'notFound') return null;
    throw error;
  }
}

const memory = z.object({
  running: z.boolean(),
  restart: z.object({ policy: z.enum(['no', 'always', 'unless-stopped', 'on-failure']), retries: z.number() }),
  imageId: z.string(),
});

export function memoryOf({ labels }: Pick<ContainerLook, 'labels'>): Memory | null {
  const { [memoryLabels.config]: config, [memoryLabels.replaces]: replaces, [memoryLabels.was]: was } = labels;
  if (config === undefined || replaces === undefined || was === undefined) return null;
  try {
    return { config, replaces, was: memory.parse(JSON.parse(was)) };
  } catch {
    return null;
  }
}

/** Where a container stands by its name; null: somebody else has named it. */
export function placeOf(
  container: string,
  { id, name }: Pick<ContainerLook, 'id' | 'name'>,
): SeenContainer['at'] | null {
  const places = ['place', 'fresh', 'aside', 'kept'] as const;
  return places.find((at) => nameAt(container, id, at) === name) ?? null;
}

export function nameAt(container: string, id: string, at: SeenContainer['at']): string {
  const names = {
    place: container,
    fresh: freshName(container),
    aside: asideName(container, id),
    kept: keptName(container, id),
  };
  return names[at];
}

function restartOf({
  Name,
  MaximumRetryCount,
}: {
  readonly Name: string;
  readonly MaximumRetryCount: number;
}): RestartSetting {
  const policy = policies.find((known) => known === Name) ?? 'no';
  return { policy, retries: policy === 'on-failure' ? MaximumRetryCount : 0 };
}
