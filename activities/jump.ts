import semver from 'semver';
import type { InstalledRelease } from '../model/bus.ts';
import type { Jump } from '../model/preflight.ts';
import type { Release } from '../model/release.ts';

/** How the installed version stands to the release's. Pre-releases count as versions of their range. */
export function jumpTo(release: Pick<Release, 'version' | 'upgradesFrom'>, installed: InstalledRelease | null): Jump {
  if (installed === null) return 'none';
  if (installed.version === release.version) return 'same';
  if (semver.gt(installed.version, release.version)) return 'downgrade';
  if (release.upgradesFrom.length === 0) return 'supported';
  const isInRange = release.upgradesFrom.some((range) =>
    semver.satisfies(installed.version, range, { includePrerelease: true }),
  );
  return isInRange ? 'supported' : 'unsupported';
}
