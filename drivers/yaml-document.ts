import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';

/** Where in the document: field names and indexes from its root. */
export type FieldPath = readonly (string | number)[];
export type Problem = { readonly path: FieldPath; readonly message: string };

/** A hand-written YAML file: its value, and where each field stands. */
export type YamlDocument = {
  /** As written; null when the text is no YAML at all. */
  readonly value: unknown;
  /** Faults of the text itself, such as a field that is there twice. */
  readonly faults: readonly string[];
  /** `LINE:COL: field: message`; the nearest parent's place for a field that isn't there. */
  readonly describe: (problem: Problem) => string;
};

/** A file that people write has faults: all of them, each as `FILE:LINE:COL: field: what is wrong`. */
export class DocumentProblems extends Error {
  readonly problems: readonly string[];

  constructor(file: string, faults: readonly string[]) {
    const problems = [...faults].sort(byPlace).map((fault) => `${file}:${fault}`);
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Largest file read: a thousand hosts or steps are some 200 kB. */
const MAX_BYTES = 1024 ** 2;

/** Aliases that are followed, so that a few lines can't unfold into gigabytes. */
const MAX_ALIASES = 100;

export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  if (text.length > MAX_BYTES) return unreadable(`1:1: expected at most ${MAX_BYTES} characters, got ${text.length}`);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const faults = [...document.errors, ...document.warnings].map(
    (fault) => `${place(fault.pos[0])}: ${fault.message.charAt(0).toLowerCase()}${fault.message.slice(1)}`,
  );
  if (document.errors.length > 0) return { value: null, faults, describe: ({ message }) => `1:1: ${message}` };
  const value = toValue(document);
  if (value instanceof ReferenceError) return unreadable(`1:1: ${value.message}`);
  return {
    value,
    faults,
    describe: ({ path, message }) =>
      `${place(offsetOf(document, path))}: ${path.length === 0 ? '' : `${formatPath(path)}: `}${message}`,
  };
}

/** zod's issues in the words of the person who wrote the file: `expected …, got …`. */
export function schemaProblems(issues: readonly z.core.$ZodIssue[], value: unknown): readonly Problem[] {
  return issues.flatMap((issue): readonly Problem[] => {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: 'unknown field' }));
    }
    return [{ path, message: withGot(expectation(issue), valueAt(value, path)) }];
  });
}

/** The value at a path, undefined where there is none. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>((parent, part) => (isRecord(parent) ? parent[part] : undefined), value);
}

/** The paths of a list's items; none where there is no list. */
export function itemPaths(value: unknown, path: FieldPath): readonly FieldPath[] {
  const items = valueAt(value, path);
  return Array.isArray(items) ? items.map((_, index) => [...path, index]) : [];
}

/** `host.steps[2].image`. */
export const formatPath = (path: FieldPath): string =>
  path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');

const isRecord = (value: unknown): value is Record<string | number, unknown> =>
  typeof value === 'object' && value !== null;

const unreadable = (fault: string): YamlDocument => ({
  value: null,
  faults: [fault],
  describe: ({ message }) => `1:1: ${message}`,
});

/** The value as plain data, or why its aliases are not followed. */
function toValue(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    if (error instanceof ReferenceError) return error;
    throw error;
  }
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.startsWith('expected ') ? issue.message : `expected ${typeName(issue.expected)}`;
    case 'invalid_value':
      return `expected ${listed(issue.values.map(String))}`;
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? `expected ${listed(issue.options.map(String))}`
        : issue.message;
    case 'too_small':
      return `expected ${bound(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `expected ${bound(issue.origin, 'at most', issue.maximum)}`;
    default:
      return issue.message;
  }
}

const bound = (origin: string, most: string, limit: number | bigint): string =>
  ({ array: `a list of ${most} ${limit}`, string: `${most} ${limit} characters` })[origin] ?? `${most} ${limit}`;

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of fields',
  record: 'a group of fields',
};

const typeName = (expected: string): string => TYPE_NAMES[expected] ?? expected;

const listed = (values: readonly string[]): string =>
  values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`;

/** Messages that begin with `expected` end with what was got; others say it themselves. */
function withGot(message: string, got: unknown): string {
  if (!message.startsWith('expected ')) return message;
  const hint = message.startsWith('expected text') && isPlain(got) ? '; put it in quotes' : '';
  return `${message}, got ${shown(got)}${hint}`;
}

/** Faults begin with `LINE:COL`. */
function byPlace(left: string, right: string): number {
  const [[line = 0, column = 0], [otherLine = 0, otherColumn = 0]] = [placeOf(left), placeOf(right)];
  return line - otherLine || column - otherColumn;
}

const placeOf = (fault: string): readonly number[] => fault.split(':', 2).map(Number);

const isPlain = (value: unknown): boolean => typeof value === 'number' || typeof value === 'boolean';

/** Longest piece of a file that a message quotes. */
const MAX_QUOTED = 60;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty field';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a group of fields';
  const text = JSON.stringify(value);
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED)}…`;
}

/** Where the field's name or list item begins; the nearest parent's if the field isn't there. */
function offsetOf(document: Document.Parsed, path: FieldPath): number {
  const [parentPath, last] = [path.slice(0, -1), path.at(-1)];
  if (last === undefined) return rangeStart(document.contents) ?? 0;
  const parent = parentPath.length === 0 ? document.contents : document.getIn(parentPath, true);
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === last) : undefined;
  return (
    rangeStart(pair?.key) ??
    rangeStart(document.getIn(path, true)) ??
    rangeStart(parent) ??
    offsetOf(document, parentPath)
  );
}

const rangeStart = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
