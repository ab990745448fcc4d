import semver from 'semver';

/**
 * A version that two ranges share; null: there is none. semver's `intersects` errs on both sides: to it `<2.0.0` overlaps
 * `>=2.0.0-rc.1`, though a pre-release is in a range only if it names one of its numbers, and `~2.1.2-0` not `2.1.2-rc.1`.
 */
export function sharedVersion(left: string, right: string): string | null {
  const isInBoth = (version: string): boolean => [left, right].every((range) => semver.satisfies(version, range));
  return edges([left, right]).find(isInBoth) ?? null;
}

/** Whether the range has a version below that one. */
export const hasLower = (range: string, version: string): boolean =>
  edges([range]).some((candidate) => semver.satisfies(candidate, range) && semver.lt(candidate, version));

/** Where ranges can begin: at the lowest version, at a bound, or at what comes next after one. If they share a version, then one of these. */
const edges = (ranges: readonly string[]): readonly string[] => ['0.0.0-0', '0.0.0', ...ranges.flatMap(boundEdges)];

function boundEdges(range: string): readonly string[] {
  return new semver.Range(range).set.flat().flatMap(({ semver: bound }): readonly string[] => {
    // A comparator that admits everything has no bound, whatever its type says.
    if (!(bound instanceof semver.SemVer)) return [];
    const { major, minor, patch, prerelease, version } = bound;
    const numbers = `${major}.${minor}.${patch}`;
    const after = prerelease.length === 0 ? [] : [`${version}.0`];
    return [version, ...after, `${numbers}-0`, numbers, `${major}.${minor}.${patch + 1}`];
  });
}
