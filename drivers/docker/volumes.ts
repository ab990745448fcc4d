import { z } from 'zod';
import { EngineError } from '../../model/engine.ts';
import type { Asked } from './networks.ts';

/** Longest that a list of volumes takes; ms. An engine asks every plugin for its own. */
const LIST_MS = 30_000;
/** Longest that removing one takes; ms. A database's is deleted file by file. */
const REMOVE_MS = 60_000;

const volumes = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() });

/** Idempotent: what an earlier attempt removed is not there any more. */
export async function removeVolumes({ connection, signal }: Asked, prefix: string): Promise<number> {
  if (prefix === '') throw new RangeError('expected the beginning of a volume’s name: all of them begin with nothing');
  let removed = 0;
  const request = { what: `list volumes ${prefix}…`, method: 'GET', path: '/volumes' } as const;
  const answer = volumes.parse(await connection.ask({ ...request, withinMs: LIST_MS, signal }));
  for (const { Name: name } of answer.Volumes ?? []) {
    if (name.startsWith(prefix) && (await remove({ connection, signal }, name))) removed += 1;
  }
  return removed;
}

/** false: it is in use, or somebody else was faster. */
async function remove({ connection, signal }: Asked, name: string): Promise<boolean> {
  const request = { what: `remove volume ${name}`, method: 'DELETE', path: `/volumes/${name}` } as const;
  try {
    await connection.ask({ ...request, withinMs: REMOVE_MS, signal });
    return true;
  } catch (error) {
    if (error instanceof EngineError && (error.kind === 'conflict' || error.kind === 'notFound')) return false;
    throw error;
  }
}
