import semver from 'semver';
import { z } from 'zod';
import { isName, parseStepId } from '../../model/ids.ts';
import { digestedImage } from './image-name.ts';
import { parseDuration, parseSize } from './quantities.ts';

/** `release.yaml` as authors write it. What comes out has the model's units: ms and bytes. */

/**
 * A text of one form. The message is complete: whoever reads it sees what is expected, with an example. The pattern is
 * what editors check by the JSON Schema, `isValid` what no pattern says.
 */
function matching(expected: string, pattern: RegExp, isValid: (value: string) => boolean = () => true): z.ZodString {
  const error = `expected ${expected}`;
  return z.string({ error }).regex(pattern, { error, abort: true }).refine(isValid, { error, abort: true });
}

const DURATION = /^\d+(\.\d+)?(ms|s|m|h)$/;
const PORT = /^(?:\d{1,3}(?:\.\d{1,3}){3}:)?(\d{1,5}):(\d{1,5})(?:\/(?:tcp|udp))?$/;
const SIZE = /^\d+(\.\d+)?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;

const Duration = matching('a duration such as 10m, 30s or 500ms', DURATION)
  .transform(parseDuration)
  .meta({ description: 'A duration such as 10m, 30s or 500ms.' });
const Size = z
  .union([z.int().nonnegative(), matching('', SIZE).transform(parseSize)], {
    error: 'expected a size such as 1GiB, 500MB or a number of bytes',
  })
  .meta({ description: 'A size such as 1GiB, 500MB or a number of bytes.' });

/** Longest list of any kind: far beyond real releases, so that a wrong file is noticed before it is built. */
const MAX_ITEMS = 1000;
const list = <Item extends z.ZodType>(item: Item): z.ZodArray<Item> => z.array(item).max(MAX_ITEMS);

const Arguments = z
  .array(z.string(), { error: (issue) => `expected a list such as ["systemctl", "status"]${noShell(issue.input)}` })
  .max(MAX_ITEMS);
const Command = Arguments.min(1).meta({
  description: 'Program and arguments, without a shell; the program is looked up in PATH.',
});
const noShell = (input: unknown): string =>
  typeof input === 'string' ? ' (no shell is started; for one write ["sh", "-c", "…"])' : '';

const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

const StepId = matching('a step name of lower-case letters, digits, dots and dashes', NAME, isName)
  .transform(parseStepId)
  .meta({ description: 'Names the step in plans, reports and errors; unique in the release.' });
const Account = matching('the name or number of an account, in quotes', /^([a-z_][a-z0-9_-]*\$?|\d+)$/);
const UnitName = matching(
  'a systemd unit such as sample.service',
  /^[\w:.@\\-]+\.(service|socket|timer|path|target|mount)$/,
);
const SourcePath = matching('a path in the release\'s folder, without ".."', /^(?!.*(^|\/)\.\.(\/|$))[^/\0][^\0]*$/);
const TargetPath = matching('an absolute path without ".."', /^(?!.*\/\.\.?(\/|$))(\/[^/\0]+)+$/);

const FilesStep = z.strictObject({
  id: StepId,
  type: z.literal('files'),
  files: list(
    z.strictObject({
      from: SourcePath.meta({ description: "The file in the release's folder." }),
      to: TargetPath.meta({ description: 'Where it goes on the host.' }),
      mode: matching('an octal mode in quotes, such as "0644"', /^[0-7]{3,4}$/)
        .transform((mode) => mode.padStart(4, '0'))
        .default('0644'),
      owner: Account.default('root'),
      group: Account.default('root'),
    }),
  ).min(1),
});

const PackagesStep = z.strictObject({
  id: StepId,
  type: z.literal('packages'),
  files: list(matching("the path of a .deb file in the release's folder", /^(?!.*(^|\/)\.\.(\/|$))[^/\0].*\.deb$/)).min(
    1,
  ),
});

const UnitStep = z.strictObject({
  id: StepId,
  type: z.literal('unit'),
  unit: UnitName,
  enabled: z.boolean().default(true),
  state: z
    .enum(['started', 'restarted', 'stopped'])
    .default('started')
    .meta({ description: 'restarted: restarts it once in this upgrade, even if it runs.' }),
});

const RunStep = z.strictObject({
  id: StepId,
  type: z.literal('run'),
  check: Command.meta({ description: 'Exit code 0: the effect is there already, the command is not run.' }),
  command: Command,
  undo: Command.optional().meta({ description: 'Takes the effect back; without it nothing is done on the way back.' }),
  probe: Command.optional().meta({ description: 'Changes nothing, and fails where the command would.' }),
  timeout: Duration.default(60_000),
});

const RebootStep = z.strictObject({ id: StepId, type: z.literal('reboot'), timeout: Duration.default(300_000) });

const ContainerStep = z.strictObject({
  id: StepId,
  type: z.literal('container'),
  name: matching('a container name', /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/),
  image: matching(
    'an image by digest, such as registry.example/dns@sha256:…',
    /@sha256:[0-9a-f]{64}$/,
    (image) => digestedImage(image) !== null,
  )
    .transform((image) => digestedImage(image) ?? image)
    .meta({ description: 'By digest, so that every host runs the same image: registry/name@sha256:…' }),
  command: Arguments.default([]).meta({ description: "Instead of the image's own command." }),
  env: z
    .record(z.string().regex(/^[^=\0]+$/), z.string())
    .default({})
    .meta({ description: 'Environment variables; numbers in quotes.' }),
  ports: list(
    matching('a port such as 8080:80 or 53:53/udp', PORT, isPort).transform((port) =>
      port.includes('/') ? port : `${port}/tcp`,
    ),
  ).default([]),
  volumes: list(
    matching(
      'a volume such as data:/var/lib/data or /etc/sample:/etc/sample:ro',
      /^(\/[^:\0]*|[a-zA-Z0-9][\w.-]*):\/[^:\0]*(:ro)?$/,
    ),
  ).default([]),
  network: matching('the name of a network', /^[a-zA-Z0-9][\w.-]*$/).default('bridge'),
  restart: z.enum(['no', 'always', 'unless-stopped', 'on-failure']).default('always'),
  timeout: Duration.default(60_000).meta({ description: 'How long the new container may take until it runs.' }),
});

const Probe = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('http'),
    url: matching('an address such as http://127.0.0.1:8080/health', /^https?:\/\//, (url) => URL.canParse(url)),
    status: z.int().min(100).max(599).default(200),
    contains: z.string().optional().meta({ description: "Text that the answer's body must contain." }),
  }),
  z.strictObject({
    type: z.literal('tcp'),
    host: matching('a host name or address', /^[\w.:-]+$/).default('127.0.0.1'),
    port: z.int().min(1).max(65_535),
  }),
  z.strictObject({ type: z.literal('exec'), command: Command }),
  z.strictObject({ type: z.literal('unit'), unit: UnitName }),
]);

const Health = z
  .strictObject({
    minHealthyTime: Duration.default(3_000).meta({ description: 'How long all probes must hold without a break.' }),
    deadline: Duration.default(60_000).meta({ description: 'Time after the last step to become healthy.' }),
    probes: list(Probe).default([]),
  })
  .refine((health) => health.minHealthyTime < health.deadline, {
    path: ['deadline'],
    error: 'a deadline must be longer than minHealthyTime, or no host can become healthy',
  });

const Host = z.strictObject({
  deadline: Duration.default(600_000).meta({ description: 'Longest time a host may take; then it reverts.' }),
  diskFree: Size.default(200 * 1024 ** 2).meta({ description: 'What must be free besides the release itself.' }),
  steps: list(
    z.discriminatedUnion('type', [FilesStep, PackagesStep, UnitStep, RunStep, RebootStep, ContainerStep]),
  ).meta({ description: 'In this order; undone in reverse.' }),
  health: Health.default({ minHealthyTime: 0, deadline: 60_000, probes: [] }),
});

export const Manifest = z
  .strictObject({
    schema: z.literal(1).default(1),
    name: matching('a name of lower-case letters, digits, dots and dashes', NAME, isName),
    version: matching(
      'a semantic version such as 2.0.0',
      /^\d+\.\d+\.\d+/,
      (version) => semver.valid(version) === version,
    ),
    upgradesFrom: list(matching('a version range such as ^1.4.0', /./, (range) => semver.validRange(range) !== null))
      .default([])
      .meta({ description: 'Versions that this one can be installed over; none named: any.' }),
    fleets: list(matching("a fleet's name, in which * stands for any text", /^[a-z0-9.*-]+$/))
      .default([])
      .meta({ description: 'Fleets that the release is for; none named: every fleet.' }),
    host: Host.meta({ description: 'What is done on every host.' }),
  })
  .meta({ title: 'refit release', description: 'A release of refit, written as release.yaml' });

export type Manifest = z.output<typeof Manifest>;

function isPort(port: string): boolean {
  const [, published, inside] = PORT.exec(port) ?? [];
  return [published, inside].every((number) => Number(number) >= 1 && Number(number) <= 65_535);
}
