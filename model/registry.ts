import type { Digest } from './ids.ts';
import type { Release, ReleaseRef } from './release.ts';

/** Reads from image registries. Every call is bounded in time and size; failures are RegistryErrors. */
export interface Registry {
  /** What a tag or digest means now. */
  resolve(reference: string, signal?: AbortSignal): Promise<ResolvedImage>;
  /** Fetches the release's manifest and checks every digest on the way. */
  readRelease(reference: string, signal?: AbortSignal): Promise<ReadRelease>;
  /** Whether the image is there; throws when the registry can't be asked. */
  exists(image: string, signal?: AbortSignal): Promise<boolean>;
  /** Sum of the image's compressed layers, bytes; null: the registry does not have it. */
  sizeOf(image: string, signal?: AbortSignal): Promise<number | null>;
}

export type ResolvedImage = { readonly repository: string; readonly digest: Digest };

export type ReadRelease = {
  readonly ref: ReleaseRef;
  readonly release: Release;
  /** Version of the agent in it, by its image's label; null: an image that has none. */
  readonly agent: string | null;
  /** Sum of the compressed layers. */
  readonly sizeBytes: number;
  readonly layers: readonly ImageLayer[];
};

export type ImageLayer = { readonly name: string; readonly digest: Digest; readonly sizeBytes: number };

/** unreachable: no answer · notFound · notRelease: an image, but no release of refit's · mismatch: it is not what its digest says · refused: credentials or a limit */
export type RegistryFailure = 'unreachable' | 'notFound' | 'notRelease' | 'mismatch' | 'refused';

/** The message names registry and repository, and what to do. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly kind: RegistryFailure;

  constructor(kind: RegistryFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
