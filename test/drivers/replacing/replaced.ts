import type { EngineConnection } from '../../../drivers/docker/connection.ts';
import { replaceContainer } from '../../../drivers/docker/replacement/replace.ts';
import { readImageConfig, readInspect } from '../../../drivers/docker/replacement/inspected.ts';
import { wantedFrom, type Wanted } from '../../../drivers/docker/replacement/wanted.ts';
import type { ContainerSettings, ReplacementOutcome } from '../../../model/replacement.ts';
import { get } from './images.ts';

export type Wish = { readonly name: string; readonly image: string; readonly settings?: ContainerSettings };

/** Long enough for the first check of a container that has one; ms. */
const DEADLINE_MS = 60_000;

/** What the container that is there would be replaced by. */
export async function wantedOf(connection: EngineConnection, { name, image, settings = {} }: Wish): Promise<Wanted> {
  const inspect = readInspect(await get(connection, `/containers/${name}/json`));
  const old = { inspect, image: readImageConfig(await get(connection, `/images/${inspect.Image}/json`)) };
  const config = readImageConfig(await get(connection, `/images/${image}/json`));
  const outcome = wantedFrom({ name, image: { reference: image, config }, old, base: 'kept', settings });
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.wanted;
}

export const replace = (
  connection: EngineConnection,
  { name, image, settings = {} }: Wish,
): Promise<ReplacementOutcome> =>
  replaceContainer(connection, {
    container: name,
    image,
    settings,
    base: 'kept',
    labels: {},
    health: { minHealthyTimeMs: 1, deadlineMs: DEADLINE_MS, probe: null },
    keepOld: false,
    until: 'healthy',
    onFailure: 'leave',
    failed: null,
  });
