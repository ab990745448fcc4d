import { z } from 'zod';
import { EngineError } from '../../model/engine.ts';
import type { EngineConnection } from './connection.ts';
import { readImageConfig, type ImageConfig } from './replacement/inspected.ts';

/** Longest that a question about an image takes; ms. */
const ASK_MS = 10_000;

/** An image that the engine has. Architecture and system are in Go's words: `amd64`, `linux`. */
export type ImageLook = {
  readonly id: string;
  readonly architecture: string;
  readonly os: string;
  readonly config: ImageConfig;
};

const image = z.object({ Id: z.string(), Architecture: z.string().default(''), Os: z.string().default('') });

/** null: the engine does not have it. */
export async function lookAtImage(
  connection: EngineConnection,
  reference: string,
  signal?: AbortSignal,
): Promise<ImageLook | null> {
  const path = `/images/${reference}/json`;
  try {
    const answer = await connection.ask({
      what: `inspect image ${reference}`,
      method: 'GET',
      path,
      withinMs: ASK_MS,
      signal,
    });
    const { Id, Architecture, Os } = image.parse(answer);
    return { id: Id, architecture: Architecture, os: Os, config: readImageConfig(answer) };
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'notFound') return null;
    throw error;
  }
}
