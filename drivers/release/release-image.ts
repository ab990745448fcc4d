import type { Digest } from '../../model/ids.ts';
import type { Release } from '../../model/release.ts';

/** Where a release lies in its image. */
export const RELEASE_FOLDER = '/release';
export const RELEASE_FILE = 'release.json';

/** The layer that holds release.json and nothing large: what a plan needs is read from it without the rest. */
export const releaseLayer = 'release';

/** Labels by which an image says that it is a release, and which. */
export const labelNames = {
  name: 'dev.refit.name',
  version: 'dev.refit.version',
  /** Digest of /release/release.json. */
  contents: 'dev.refit.contents',
  /** Version of the agent in it. */
  agent: 'dev.refit.agent',
} as const;

export function releaseLabels(release: Release, contents: Digest, agent: string): Readonly<Record<string, string>> {
  return {
    [labelNames.name]: release.name,
    [labelNames.version]: release.version,
    [labelNames.contents]: contents,
    [labelNames.agent]: agent,
    'org.opencontainers.image.title': release.name,
    'org.opencontainers.image.version': release.version,
    'org.opencontainers.image.description': `refit release ${release.name} ${release.version}`,
  };
}
