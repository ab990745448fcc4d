import { z } from 'zod';
import { EngineError } from '../../model/engine.ts';
import type { EngineAccess } from '../../model/fleet.ts';
import { parseDigest, type Digest } from '../../model/ids.ts';
import type { Reference } from '../oci/reference.ts';
import { labelNames } from '../release/release-image.ts';
import { EngineConnection } from './connection.ts';

/** Longest that a question about an image takes; ms. */
const ASK_MS = 10_000;

/** An image that the engine has, as far as it says of itself that it is a release. */
export type ReleaseLook = {
  /** What the engine runs: the image's id. */
  readonly id: string;
  /** Of its manifest in the reference's repository; the image's id, if it came by another way than a registry. */
  readonly digest: Digest;
  readonly isFromRegistry: boolean;
  /** Digest of its release.json; null: the image is no release. */
  readonly contents: Digest | null;
};

const Answer = z.object({
  Id: z.string(),
  RepoDigests: z
    .array(z.string())
    .nullish()
    .transform((found) => found ?? []),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** What an engine has under a reference, without any registry; null: it has nothing. */
export function createReleaseLook(
  access: EngineAccess,
  host: string,
): (image: Reference, signal?: AbortSignal) => Promise<ReleaseLook | null> {
  const connection = new EngineConnection(access, host);
  return async (image, signal) => {
    const name =
      image.digest === null ? `${image.repository}:${image.tag ?? 'latest'}` : `${image.repository}@${image.digest}`;
    const request = {
      what: `inspect image ${name}`,
      method: 'GET',
      path: `/images/${name}/json`,
      withinMs: ASK_MS,
    } as const;
    try {
      return toLook(Answer.parse(await connection.ask({ ...request, signal })), image);
    } catch (error) {
      if (error instanceof EngineError && error.kind === 'notFound') return null;
      throw error;
    }
  };
}

function toLook({ Id, RepoDigests, Config }: z.output<typeof Answer>, image: Reference): ReleaseLook {
  const known = RepoDigests.map((found) => found.split('@')).find(([repository]) => repository === image.repository);
  const digest = image.digest ?? known?.[1] ?? null;
  const contents = Config?.Labels?.[labelNames.contents];
  return {
    id: Id,
    digest: parseDigest(digest ?? Id),
    isFromRegistry: digest !== null,
    contents: contents === undefined ? null : parseDigest(contents),
  };
}
