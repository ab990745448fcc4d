import type { Fleet } from '../model/fleet.ts';
import { RegistryError, type ReadRelease, type Registry, type ResolvedImage } from '../model/registry.ts';
import { versionTag, parseReference, type Reference } from './oci/reference.ts';
import { createRegistryHttp } from './registry-http.ts';
import { pushLayout } from './registry-push.ts';
import { fetchManifest } from './registry-manifest.ts';
import { fetchRelease } from './registry-release.ts';
import { fetchSize } from './registry-size.ts';

/** A registry that releases can be published to as well. */
export interface Publisher extends Registry {
  /** Publishes an image from its OCI layout. A reference without a tag gets the version as its tag. */
  push(image: {
    readonly layout: string;
    readonly reference: string;
    readonly version: string;
    readonly signal?: AbortSignal;
  }): Promise<Published>;
}

/** `reference`: by digest, as plans and hosts name the image. */
export type Published = ResolvedImage & { readonly reference: string; readonly tag: string };

/** Speaks with the registries of a fleet; one that the fleet file doesn't name is reached over https at its own name. */
export function createRegistry(registries: Fleet['registries']): Publisher {
  const http = createRegistryHttp(registries);
  return {
    async resolve(reference, signal): Promise<ResolvedImage> {
      const image = parseImage(reference);
      const { digest } = await fetchManifest(http, image, signal);
      return { repository: image.repository, digest };
    },
    readRelease: async (reference, signal): Promise<ReadRelease> => fetchRelease(http, parseImage(reference), signal),
    async exists(reference, signal): Promise<boolean> {
      try {
        await fetchManifest(http, parseImage(reference), signal);
        return true;
      } catch (error) {
        if (error instanceof RegistryError && error.kind === 'notFound') return false;
        throw error;
      }
    },
    sizeOf: async (image, signal): Promise<number | null> => fetchSize(http, parseImage(image), signal),
    async push({ layout, reference, version, signal }): Promise<Published> {
      const image = parseName(reference);
      if (image.digest !== null) {
        throw new RegistryError('refused', `expected a reference without a digest to push to, got ${reference}`);
      }
      const tag = image.tag ?? versionTag(version);
      const digest = await pushLayout(http, { layout, image, tag, signal });
      return { repository: image.repository, digest, reference: `${image.repository}@${digest}`, tag };
    },
  };
}

/** A reference that says which version it means: the tag `latest` would mean another release every week. */
function parseImage(text: string): Reference {
  const image = parseName(text);
  if (image.tag !== null || image.digest !== null) return image;
  const examples = `${image.repository}:1.0.0 or ${image.repository}@sha256:…`;
  throw new RegistryError('notFound', `expected a tag or a digest, such as ${examples}, got ${text}`);
}

function parseName(text: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RegistryError('notFound', error.message, { cause: error });
  }
}
