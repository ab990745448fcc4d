import semver from 'semver';
import { formatPath, itemPaths, type Problem } from '../yaml-document.ts';
import { readChain, readOwn, type JumpDraft, type RangeDraft } from './jump-draft.ts';
import { hasLower, sharedVersion } from './ranges.ts';
import { repeated, textsAt } from './repeated.ts';

/** Whether the jumps of a release and of its chain lead to it, each by one rule. Reads a manifest that may be wrong elsewhere. */
export function jumpProblems(value: unknown): readonly Problem[] {
  const [own, chain] = [readOwn(value), readChain(value)];
  const earlier = chain.filter(({ version }) => own === null || semver.lt(version, own.version));
  const known = [...earlier, ...(own === null ? [] : [own])];
  return [
    ...[...chain, ...(own === null ? [] : [own])].flatMap(overlaps),
    ...chain.flatMap((entry) => (own === null || earlier.includes(entry) ? [] : notLower(entry, own))),
    ...twice(value),
    ...known.flatMap((entry) => cycles(entry, known)),
    ...(own === null ? [] : earlier.flatMap((entry) => deadEnd(entry, known))),
  ];
}

/** At the later of two. */
const overlaps = ({ ranges }: JumpDraft): readonly Problem[] =>
  ranges.flatMap(({ range, path }, index) => {
    const shared = (other: RangeDraft): string | null => sharedVersion(range, other.range);
    const other = ranges.slice(0, index).find((earlier) => shared(earlier) !== null);
    if (other === undefined) return [];
    const both = `"${range}" and ${formatPath(other.path)} ("${other.range}") both have ${shared(other) ?? ''}`;
    return [{ path, message: `${both}: no one could say which of them counts; cut them apart` }];
  });

function notLower({ path, version }: JumpDraft, own: JumpDraft): readonly Problem[] {
  const message = `${version} is not lower than ${own.version}, the release itself; the chain has earlier releases alone`;
  return [{ path: [...path, 'version'], message }];
}

function twice(value: unknown): readonly Problem[] {
  const entries = itemPaths(value, ['chain']);
  return ['version', 'digest'].flatMap((field) =>
    repeated(
      textsAt(
        value,
        entries.map((entry) => [...entry, field]),
      ),
    ),
  );
}

/**
 * A range that has nothing lower than what it leads to: whoever could use it is there already, or beyond. Of other ranges
 * only what is lower counts, so that `^4.0.0` is a range of 4.1.1 as anybody would write it.
 */
function cycles({ version, ranges }: JumpDraft, known: readonly JumpDraft[]): readonly Problem[] {
  return ranges.flatMap(({ range, path }) => {
    if (hasLower(range, version)) return [];
    const back = known.find((other) => semver.gte(other.version, version) && semver.satisfies(other.version, range));
    const what = back === undefined ? '' : `, but ${back.version}, from which there would be a cycle`;
    return [
      { path, message: `"${range}" has no version lower than ${version}, which it leads to${what}; name lower ones` },
    ];
  });
}

/** An entry over which nobody gets any further. */
function deadEnd(entry: JumpDraft, known: readonly JumpDraft[]): readonly Problem[] {
  const { path, version } = entry;
  const next = known.filter((other) => semver.gt(other.version, version) && admits(other, version));
  if (next.some((other) => tooFar(entry, other) === null)) return [];
  const [first] = next;
  const far = first === undefined ? null : tooFar(entry, first);
  const message =
    far === null
      ? `leads nowhere: no later release can be installed over ${version}; name it in an upgradesFrom, or take it away`
      : `leads nowhere: ${far}, and it moves one minor version at a time; put a release between them`;
  return [{ path, message }];
}

const admits = ({ isFromAny, ranges }: JumpDraft, version: string): boolean =>
  isFromAny || ranges.some(({ range, isBlocked }) => !isBlocked && semver.satisfies(version, range));

/** The component that a jump would move by more than one minor version, or back; null: none. */
function tooFar(from: JumpDraft, to: JumpDraft): string | null {
  for (const [name, before] of Object.entries(from.components)) {
    const after = to.components[name];
    if (after === undefined || isOneStep(before, after)) continue;
    return `${to.version} would move ${name} from ${before} to ${after}`;
  }
  return null;
}

const isOneStep = (before: string, after: string): boolean =>
  semver.gte(after, before) &&
  semver.major(after) === semver.major(before) &&
  semver.minor(after) - semver.minor(before) <= 1;
