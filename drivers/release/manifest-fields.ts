import semver from 'semver';
import { z } from 'zod';
import { isName } from '../../model/ids.ts';
import { digestedImage } from './image-name.ts';
import { parseDuration, parseSize } from './quantities.ts';

// Fields that steps, services and units of `release.yaml` share.

/**
 * A text of one form. The message is complete: whoever reads it sees what is expected, with an example. The pattern is
 * what editors check by the JSON Schema, `isValid` what no pattern says.
 */
export function matching(
  expected: string,
  pattern: RegExp,
  isValid: (value: string) => boolean = () => true,
): z.ZodString {
  const error = `expected ${expected}`;
  return z.string({ error }).regex(pattern, { error, abort: true }).refine(isValid, { error, abort: true });
}

const DURATION = /^\d+(\.\d+)?(ms|s|m|h)$/;
export const Duration = matching('a duration such as 10m, 30s or 500ms', DURATION)
  .transform(parseDuration)
  .meta({ description: 'A duration such as 10m, 30s or 500ms.' });

const SIZE = /^\d+(\.\d+)?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;
export const Size = z
  .union([z.int().nonnegative(), matching('', SIZE).transform(parseSize)], {
    error: 'expected a size such as 1GiB, 500MB or a number of bytes',
  })
  .meta({ description: 'A size such as 1GiB, 500MB or a number of bytes.' });

/** Longest list of any kind: far beyond real releases, so that a wrong file is noticed before it is built. */
const MAX_ITEMS = 1000;
export const list = <Item extends z.ZodType>(item: Item): z.ZodArray<Item> => z.array(item).max(MAX_ITEMS);

export const Arguments = z
  .array(z.string(), { error: (issue) => `expected a list such as ["systemctl", "status"]${noShell(issue.input)}` })
  .max(MAX_ITEMS);
export const Command = Arguments.min(1).meta({
  description: 'Program and arguments, without a shell; the program is looked up in PATH.',
});
const noShell = (input: unknown): string =>
  typeof input === 'string' ? ' (no shell is started; for one write ["sh", "-c", "…"])' : '';

const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

/** `what`: such as `a step`. */
export const name = (what: string): z.ZodString =>
  matching(`${what} name of lower-case letters, digits, dots and dashes`, NAME, isName);

export const Image = matching(
  'an image by digest, such as registry.example/dns@sha256:…',
  /@sha256:[0-9a-f]{64}$/,
  (image) => digestedImage(image) !== null,
)
  .transform((image) => digestedImage(image) ?? image)
  .meta({ description: 'By digest, so that every host runs the same image: registry/name@sha256:…' });

export const Environment = z
  .record(z.string().regex(/^[^=\0]+$/), z.string())
  .meta({ description: 'Environment variables; numbers in quotes.' });

export const Version = matching(
  'a semantic version such as 2.0.0',
  /^\d+\.\d+\.\d+/,
  (version) => semver.valid(version) === version,
);

export const Volume = matching(
  'a volume such as data:/var/lib/data or /etc/sample:/etc/sample:ro',
  /^(\/[^:\0]*|[a-zA-Z0-9][\w.-]*):\/[^:\0]*(:ro)?$/,
);

/**
 * A text, or a group of fields. The union's own message says nothing of either: either-form.ts puts the faults of the one
 * that the author took in its place.
 */
export const either = <Text extends z.ZodType, Group extends z.ZodType>(
  text: Text,
  group: Group,
): z.ZodUnion<[Text, Group]> => z.union([text, group], { error: EITHER_FORM });
export const EITHER_FORM = 'expected one of two forms';

export const TargetPath = matching('an absolute path without ".."', /^(?!.*\/\.\.?(\/|$))(\/[^/\0]+)+$/);
export const FileMode = matching('an octal mode in quotes, such as "0644"', /^[0-7]{3,4}$/).transform((mode) =>
  mode.padStart(4, '0'),
);

const HttpProbe = z.strictObject({
  type: z.literal('http'),
  url: matching('an address such as http://127.0.0.1:8080/health', /^https?:\/\//, (url) => URL.canParse(url)),
  status: z.int().min(100).max(599).default(200),
  contains: z.string().optional().meta({ description: "Text that the answer's body must contain." }),
});
const TcpProbe = z.strictObject({
  type: z.literal('tcp'),
  host: matching('a host name or address', /^[\w.:-]+$/).default('127.0.0.1'),
  port: z.int().min(1).max(65_535),
});
export const ExecProbe = z.strictObject({ type: z.literal('exec'), command: Command });

/** What can be asked of a host and of a container. */
export const probes = [HttpProbe, TcpProbe, ExecProbe] as const;
