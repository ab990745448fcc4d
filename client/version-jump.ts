import semver from 'semver';
import type { InstalledRelease } from '../model/bus.ts';
import type { Jump } from '../model/preflight.ts';
import type { Release } from '../model/release.ts';

/** How a host's release stands to the one it is to get. */
export function versionJump(
  release: Pick<Release, 'version' | 'upgradesFrom'>,
  installed: InstalledRelease | null,
): Jump {
  if (installed === null) return 'none';
  const order = semver.compare(installed.version, release.version);
  if (order === 0) return 'same';
  if (order > 0) return 'downgrade';
  const ranges = release.upgradesFrom;
  const isIn = (range: string): boolean => semver.satisfies(installed.version, range, { includePrerelease: true });
  return ranges.length === 0 || ranges.some(isIn) ? 'supported' : 'unsupported';
}
