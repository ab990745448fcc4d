import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ReleaseLook } from '../drivers/docker/release-look.ts';
import { parseReference, type Reference } from '../drivers/oci/reference.ts';
import type { Engine } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import type { Digest } from '../model/ids.ts';
import { defaultPolicy } from '../model/policy.ts';
import { RegistryError, type Registry } from '../model/registry.ts';
import { Unreachable } from './unreachable.ts';

/** The release's image on the host's engine. */
export type LocalImage = Omit<ReleaseLook, 'contents'> & { readonly repository: string; readonly contents: Digest };

export type FoundImage =
  { readonly ok: true; readonly image: LocalImage } | { readonly ok: false; readonly problem: string };

/** Images on one host's engine; what is there needs no registry. */
export interface LocalImages {
  release(reference: string): Promise<FoundImage>;
  /** null: all of them are there; else what could not be had. */
  pullAll(references: readonly string[]): Promise<string | null>;
}

export type LocalImageParts = {
  readonly engine: Engine;
  readonly look: (image: Reference) => Promise<ReleaseLook | null>;
  readonly registry: Pick<Registry, 'resolve'>;
  readonly registries: Fleet['registries'];
};

/** A tag means what the engine has under it; only if that is nothing is the registry asked. */
export function createLocalImages(parts: LocalImageParts): LocalImages {
  return {
    release: async (text) => {
      const reference = parseReference(text);
      const found = (await parts.look(reference)) ?? (await pullRelease(parts, reference, text));
      if (typeof found === 'string') return { ok: false, problem: found };
      const { contents } = found;
      if (contents !== null) return { ok: true, image: { ...found, contents, repository: reference.repository } };
      const problem = `${text} is an image, but no release of refit; releases are made with: refit release build DIR`;
      return { ok: false, problem };
    },
    pullAll: async (references) => {
      for (const reference of references) {
        const problem = await pull(parts, reference);
        if (problem !== null) return problem;
      }
      return null;
    },
  };
}

/** A text is what stood in the way. */
async function pullRelease(parts: LocalImageParts, reference: Reference, text: string): Promise<ReleaseLook | string> {
  const resolved =
    reference.digest === null ? await resolve(parts, text) : { ok: true as const, digest: reference.digest };
  if (!resolved.ok) return resolved.problem;
  const byDigest = `${reference.repository}@${resolved.digest}`;
  const problem = await pull(parts, byDigest);
  if (problem !== null) return problem;
  return (await parts.look(parseReference(byDigest))) ?? `${byDigest} is not on the engine after its pull`;
}

type Resolved = { readonly ok: true; readonly digest: Digest } | { readonly ok: false; readonly problem: string };

async function resolve({ registry }: LocalImageParts, text: string): Promise<Resolved> {
  try {
    return { ok: true, digest: (await registry.resolve(text)).digest };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (error.kind !== 'unreachable') return { ok: false, problem: error.message };
    const todo = 'an image that the engine has needs no registry: bring it there with docker load, or docker pull';
    throw new Unreachable(`${error.message}; nothing was changed; ${todo}`, { cause: error });
  }
}

async function pull({ engine, registries }: LocalImageParts, reference: string): Promise<string | null> {
  const credentialsFile = registries[parseReference(reference).registry]?.credentialsFile ?? null;
  const pulled = await engine.pullImage({
    reference,
    byteLimit: defaultPolicy.downloadByteLimit,
    deadlineMs: defaultPolicy.downloadDeadlineMs,
    ...(credentialsFile !== null && { registryAuth: await readCredentials(credentialsFile) }),
  });
  return pulled.outcome === 'failed' ? pulled.message : null;
}

const Credentials = z.object({ username: z.string(), password: z.string() });

/** Read for this pull, given to the engine, and not kept. */
async function readCredentials(file: string): Promise<z.output<typeof Credentials>> {
  const parsed = Credentials.safeParse(JSON.parse(await readFile(file, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`${file}: expected JSON with "username" and "password"`);
}
