import { z } from 'zod';
import { isName, parseServiceId, parseStepId } from '../../model/ids.ts';
import type { FilesStep, Release } from '../../model/release.ts';
import { jumpsJson, writtenChain, writtenJumps } from './jump-json.ts';
import { BackupJson, MigrationJson } from './migration-json.ts';
import { UnitJson } from './unit-json.ts';

// The agent runs this and the -json.ts files beside it on every host: nothing else but zod and the model is imported here.

/** Throws an Error that names the field when the text is no release that this version can install. */
export function parseRelease(json: string): Release {
  const parsed = ReleaseJson.safeParse(toValue(json));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue === undefined ? '' : issue.path.map(String).join('.');
  throw new Error(`release.json is not one that this version of refit can read: ${field}: ${issue?.message ?? ''}`);
}

/** The same bytes for the same release: fields in alphabetical order. Its digest is the release's `contents`. */
export const encodeRelease = (release: Release): string => `${JSON.stringify(sorted(written(release)), null, 1)}\n`;

/** Without what came later, such as units, it has the bytes, and so the digest, of before there was any. */
function written({ units, chain, components, migrations, backup, upgrader, ...release }: Release): object {
  const { upgradesFrom, host } = release;
  return {
    ...release,
    upgradesFrom: writtenJumps(upgradesFrom),
    host: { ...host, steps: host.steps.map((step) => (step.type === 'files' ? writtenFiles(step) : step)) },
    ...(chain.length > 0 && { chain: writtenChain(chain) }),
    ...(Object.keys(components).length > 0 && { components }),
    ...(units.length > 0 && { units }),
    ...(migrations.length > 0 && { migrations }),
    ...(backup !== null && { backup }),
    ...(upgrader !== null && { upgrader }),
  };
}

const writtenFiles = (step: FilesStep): object => ({
  ...step,
  files: step.files.map(({ ifEdited, ...file }) => (ifEdited === 'replace' ? file : { ...file, ifEdited })),
});

const Command = z.array(z.string());
const Name = z.string().refine(isName, 'expected a name');
const Count = z.int().nonnegative();
/** Files of the release are joined to a folder on the host: nothing that climbs out of it is a path. */
const InnerPath = z.string().regex(/^(?!.*(^|\/)\.\.(\/|$))[^/\0][^\0]*$/, 'expected a path inside the release');
const step = { id: Name.transform(parseStepId) };
const Package = z.object({ file: InnerPath, name: z.string(), version: z.string(), architecture: z.string() });

const containerProbes = [
  z.object({ type: z.literal('http'), url: z.string(), status: Count, contains: z.string().nullable() }),
  z.object({ type: z.literal('tcp'), host: z.string(), port: Count }),
  z.object({ type: z.literal('exec'), command: Command.min(1) }),
] as const;
const Probe = z.discriminatedUnion('type', [
  ...containerProbes,
  z.object({ type: z.literal('unit'), unit: z.string() }),
]);

const Health = z.object({ probes: z.array(Probe), minHealthyTimeMs: Count, deadlineMs: Count });
const Step = z.discriminatedUnion('type', [
  z.object({
    ...step,
    type: z.literal('files'),
    files: z.array(
      z.object({
        ...{ from: InnerPath, to: z.string(), mode: z.string(), owner: z.string(), group: z.string() },
        // Releases of before there was a choice.
        ifEdited: z.enum(['replace', 'keep', 'ask']).default('replace'),
      }),
    ),
  }),
  z.object({
    ...step,
    type: z.literal('packages'),
    format: z.literal('deb'),
    packages: z.array(Package),
  }),
  z.object({
    ...step,
    type: z.literal('unit'),
    unit: z.string(),
    enabled: z.boolean(),
    state: z.enum(['started', 'restarted', 'stopped']),
  }),
  z.object({
    ...step,
    type: z.literal('run'),
    check: Command.min(1),
    command: Command.min(1),
    undo: Command.min(1).nullable(),
    probe: Command.min(1).nullable(),
    timeoutMs: Count,
  }),
  z.object({ ...step, type: z.literal('reboot'), timeoutMs: Count }),
  z.object({
    ...step,
    type: z.literal('container'),
    name: z.string(),
    image: z.string(),
    command: Command,
    env: z.record(z.string(), z.string()),
    ports: z.array(z.string()),
    volumes: z.array(z.string()),
    network: z.string(),
    restart: z.enum(['no', 'always', 'unless-stopped', 'on-failure']),
    // Releases of before there was a choice.
    base: z.enum(['stated', 'kept']).default('stated'),
    timeoutMs: Count,
  }),
  z.object({
    ...step,
    type: z.literal('kernel'),
    format: z.literal('deb'),
    package: Package,
    kernel: z.string().regex(/^[\w.+~-]+$/, 'expected a kernel as uname names it'),
    ...{ timeoutMs: Count, confirmWithinMs: Count, health: Health },
  }),
  z.object({
    ...step,
    type: z.literal('engine'),
    format: z.literal('deb'),
    packages: z.array(Package),
    timeoutMs: Count,
  }),
]);

const Amount = z.union([z.object({ hosts: Count }), z.object({ percent: Count })]);
const Texts = z.record(z.string(), z.string());

const Service = z.object({
  name: Name.transform(parseServiceId),
  image: z.string(),
  compatible: z.boolean(),
  infrastructure: z.boolean(),
  strategy: z.discriminatedUnion('strategy', [
    z.object({ strategy: z.literal('inPlace') }),
    z.object({ strategy: z.literal('phases'), size: Amount }),
    z.object({ strategy: z.literal('allAtOnce') }),
  ]),
  mode: z.enum(['inPlace', 'create', 'agent']),
  minAvailable: Amount.nullable(),
  health: z.object({
    minHealthyTimeMs: Count,
    deadlineMs: Count,
    probe: z.discriminatedUnion('type', [...containerProbes]).nullable(),
  }),
  drainMs: Count,
  settings: z.object({
    command: Command.exactOptional(),
    entrypoint: Command.exactOptional(),
    env: Texts.exactOptional(),
    labels: Texts.exactOptional(),
  }),
});

const ReleaseJson = z.object({
  schema: z.literal(1),
  name: Name,
  version: z.string().min(1),
  ...jumpsJson,
  fleets: z.array(z.string()),
  host: z.object({
    deadlineMs: Count,
    diskFreeBytes: Count,
    steps: z.array(Step),
    health: Health,
  }),
  // Releases of before there were services.
  services: z.array(Service).default([]),
  units: z.array(UnitJson).default([]),
  migrations: z.array(MigrationJson).default([]),
  backup: BackupJson.nullable().default(null),
  upgrader: z.object({ image: z.string() }).nullable().default(null),
  contents: z.array(z.object({ path: InnerPath, sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: Count })),
});

function toValue(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Error(`release.json is not JSON: ${json.slice(0, MAX_QUOTED)}`, { cause });
  }
}

/** Longest piece of a broken file that an error quotes. */
const MAX_QUOTED = 60;

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
