import semver from 'semver';
import type { Versions } from '../model/versions.ts';

/** Semantic versions as npm reads them. */
export const versions: Versions = {
  isVersion: (text) => semver.valid(text) !== null,
  compare: (a, b) => semver.compare(a, b),
  isIn: (version, range) => semver.satisfies(version, range),
  isPreRelease: (version) => semver.prerelease(version) !== null,
  minorsApart: (a, b) => (semver.major(a) === semver.major(b) ? semver.minor(b) - semver.minor(a) : null),
};
