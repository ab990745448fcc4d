import semver from 'semver';
import type { InstalledRelease } from '../model/bus.ts';
import type { Jump } from '../model/preflight.ts';
import type { Release } from '../model/release.ts';

/** How a host's release stands to the one it is to get. Pre-releases count as versions of their range. */
export function versionJump(
  release: Pick<Release, 'version' | 'upgradesFrom'>,
  installed: InstalledRelease | null,
): Jump {
  if (installed === null) return 'none';
  // The bus is input: what stands there may be no version, and one host must not end the look at a fleet.
  if (semver.valid(installed.version) === null) return 'unsupported';
  const order = semver.compare(installed.version, release.version);
  if (order === 0) return 'same';
  if (order > 0) return 'downgrade';
  const ranges = release.upgradesFrom;
  const isIn = (range: string): boolean => semver.satisfies(installed.version, range, { includePrerelease: true });
  return ranges.length === 0 || ranges.some(isIn) ? 'supported' : 'unsupported';
}
