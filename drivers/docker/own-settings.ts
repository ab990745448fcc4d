import { z } from 'zod';
import type { OwnSettings } from '../../model/engine.ts';
import type { EngineConnection } from './connection.ts';
import { inspect } from './containers.ts';
import { lookAtImage } from './image.ts';

/** An engine says "none" as null, too. */
const texts = z
  .array(z.string())
  .nullish()
  .transform((found) => found ?? []);
const settings = z.object({
  Config: z.object({ Env: texts }),
  HostConfig: z.object({ Binds: texts, Memory: z.number().default(0), NetworkMode: z.string() }),
});

/** What was set on a container itself: an image that is gone gives nothing any more. */
export async function readOwnSettings(
  connection: EngineConnection,
  container: string,
  signal?: AbortSignal,
): Promise<OwnSettings | null> {
  const found = await inspect(connection, container, signal);
  if (found === null) return null;
  const image = await lookAtImage(connection, found.imageId, signal);
  const given = new Set(image?.config.Env);
  const { Config, HostConfig } = settings.parse(found.raw);
  const { Binds, Memory, NetworkMode } = HostConfig;
  return {
    env: Object.fromEntries(Config.Env.filter((entry) => !given.has(entry)).map(toPair)),
    volumes: Binds,
    network: NetworkMode,
    ...(Memory > 0 && { memoryBytes: Memory }),
  };
}

/** A name alone is a variable without a value. */
function toPair(entry: string): readonly [string, string] {
  const at = entry.indexOf('=');
  return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}
