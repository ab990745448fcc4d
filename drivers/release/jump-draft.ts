import semver from 'semver';
import { z } from 'zod';
import { itemPaths, valueAt, type FieldPath } from '../yaml-document.ts';
import { MAX_CHAIN, MAX_RANGES } from './jump-schema.ts';

// A release and its chain in a release.yaml that may be wrong elsewhere, as far as they can be read (see unit-draft.ts).

export type JumpDraft = {
  readonly path: FieldPath;
  readonly version: string;
  readonly ranges: readonly RangeDraft[];
  /** No range is named, or one can't be read: nothing lower is excluded. */
  readonly isFromAny: boolean;
  readonly components: Readonly<Record<string, string>>;
};

export type RangeDraft = { readonly range: string; readonly path: FieldPath; readonly isBlocked: boolean };

/** The release itself; null: its version can't be read. */
export const readOwn = (value: unknown): JumpDraft | null => readDraft(value, []);

/** Entries whose version can be read; none where there are more than the schema allows: checks compare each with each. */
export function readChain(value: unknown): readonly JumpDraft[] {
  const paths = itemPaths(value, ['chain']);
  return paths.length > MAX_CHAIN ? [] : paths.flatMap((path) => readDraft(value, path) ?? []);
}

function readDraft(value: unknown, path: FieldPath): JumpDraft | null {
  const version = valueAt(value, [...path, 'version']);
  if (typeof version !== 'string' || semver.valid(version) !== version) return null;
  const items = itemPaths(value, [...path, 'upgradesFrom']);
  const ranges = items.length > MAX_RANGES ? [] : items.flatMap((item) => readRange(value, item) ?? []);
  const isFromAny = items.length === 0 || ranges.length < items.length;
  return { path, version, ranges, isFromAny, components: Components.parse(valueAt(value, [...path, 'components'])) };
}

function readRange(value: unknown, item: FieldPath): RangeDraft | null {
  const written = valueAt(value, item);
  const path = typeof written === 'string' ? item : [...item, 'range'];
  const range = valueAt(value, path);
  if (typeof range !== 'string' || range === '' || semver.validRange(range) === null) return null;
  return { range, path, isBlocked: valueAt(written, ['blocked']) !== undefined };
}

const Components = z
  .record(
    z.string(),
    z.string().refine((version) => semver.valid(version) !== null),
  )
  .catch({});
