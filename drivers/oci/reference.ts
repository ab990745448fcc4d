import { parseDigest, type Digest } from '../../model/ids.ts';

/** `registry/path:tag@digest`, taken apart. */
export type Reference = {
  /** Host and port, such as `registry.lab:5000`. */
  readonly registry: string;
  /** Path in the registry, such as `team/sample`. */
  readonly path: string;
  /** Both, as releases name it. */
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
};

const REGISTRY = /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|\[[0-9a-f:]+\]|[a-z0-9.-]+(?=:\d))(:\d{1,5})?$/i;
const PATH = /^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Longest reference that engines and registries take. */
const MAX_LENGTH = 255 + '@sha256:'.length + 64;

/** Throws a RangeError that quotes the text when it is no reference with a registry's name in it. */
export function parseReference(text: string): Reference {
  const [named = '', digest, ...more] = text.split('@');
  const slash = named.indexOf('/');
  const [path = '', tag, ...rest] = named.slice(slash + 1).split(':');
  const registry = named.slice(0, Math.max(slash, 0));
  const isWellFormed =
    text.length <= MAX_LENGTH &&
    more.length + rest.length === 0 &&
    REGISTRY.test(registry) &&
    PATH.test(path) &&
    (tag === undefined || TAG.test(tag));
  if (!isWellFormed) {
    throw new RangeError(`expected an image such as registry.example:5000/team/sample:1.0.0, got "${text}"`);
  }
  return {
    registry,
    path,
    repository: `${registry}/${path}`,
    tag: tag ?? null,
    digest: digest === undefined ? null : parseDigest(digest),
  };
}

/** A version as a tag: registries don't take semver's `+`. */
export const versionTag = (version: string): string => version.replaceAll('+', '_');
