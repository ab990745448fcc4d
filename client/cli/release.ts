import type { Command } from 'commander';
import { buildAgent } from '../../agent/build.ts';
import { parseReference } from '../../drivers/oci/reference.ts';
import type { Published } from '../../drivers/registry.ts';
import { buildRelease, type BuiltRelease } from '../../drivers/release/build.ts';
import { manifestJsonSchema } from '../../drivers/release/json-schema.ts';
import type { ReadRelease } from '../../model/registry.ts';
import { apiFromEnvironment } from './api-options.ts';
import { parsedBy, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { openRegistry, settled } from './publishing.ts';
import { buildLines, releaseLines } from './release-lines.ts';

type BuildFlags = CommonOptions & { readonly push?: string; readonly output?: string };

/** `refit release …`: makes, publishes and shows releases. */
export function registerRelease(program: Command): void {
  const release = program.command('release').description('make, publish and show releases');
  withExamples(
    release
      .command('build')
      .description('make the image of the release in DIR, the same image each time; no Docker Engine is needed')
      .argument('<dir>', 'folder with release.yaml and the files it names')
      .option('--push <ref>', 'publish it; without a tag in the reference the version becomes the tag')
      .option('--output <dir>', 'where the image is written to, as an OCI layout (.refit/releases/NAME-VERSION)')
      .action((dir: string, _flags: unknown, command: Command) => settled(() => build(dir, command.optsWithGlobals()))),
    'refit release build ./sample',
    'refit release build ./sample --push registry.lab:5000/sample',
    'refit release build ./sample --push registry.lab:5000/sample:2.0.0 --json',
  );
  withExamples(
    release
      .command('show')
      .description('show what a published release is and does')
      .argument('<ref>', 'release in a registry, by tag or digest')
      .action((ref: string, _flags: unknown, command: Command) => settled(() => show(ref, command.optsWithGlobals()))),
    'refit release show registry.lab:5000/sample:2.0.0',
    'refit release show registry.lab:5000/sample:2.0.0 --json',
  );
  withExamples(
    release
      .command('schema')
      .description('print the JSON Schema of release.yaml, for editors')
      .action(() => void process.stdout.write(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)),
    'refit release schema > release.schema.json',
  );
}

async function build(folder: string, flags: BuildFlags): Promise<void> {
  const output = outputOf(flags);
  // A reference or a fleet file that is wrong is found before anything is written.
  const publish = flags.push === undefined ? null : publisherTo(flags.push);
  const built = await buildRelease({ folder, agent: buildAgent, output: flags.output });
  const published = publish === null ? null : await publish(built);
  if (output.json) output.document(buildDocument(built, published));
  else for (const line of buildLines(built, published)) output.say(line);
}

function publisherTo(text: string): (built: BuiltRelease) => Promise<Published> {
  const reference = parsedBy(parseReference, text);
  if (reference.digest !== null)
    fail(exitCodes.wrongInput, `expected a reference without a digest to push to, got ${text}`);
  const registry = openRegistry();
  return ({ layout, release }) => registry.push({ layout, reference: text, version: release.version });
}

function buildDocument(built: BuiltRelease, published: Published | null): object {
  const { release, digest, contents, layout, sizeBytes, layers } = built;
  const { reference = null, tag = null } = published ?? {};
  const { name, version } = release;
  return { name, version, digest, contents, reference, tag, layout, sizeBytes, layers };
}

async function show(reference: string, flags: CommonOptions): Promise<void> {
  const output = outputOf(flags);
  const read = await readRelease(reference);
  if (output.json) output.document(showDocument(read));
  else for (const line of releaseLines(read)) output.say(line);
}

/** Through the API, if there is one; else no fleet is needed. */
async function readRelease(reference: string): Promise<ReadRelease> {
  if (apiFromEnvironment() === null) return openRegistry().readRelease(reference);
  return withFleet((client) => client.readRelease(reference));
}

function showDocument({ ref, release, sizeBytes, layers }: ReadRelease): object {
  return { ...ref, reference: `${ref.repository}@${ref.digest}`, sizeBytes, layers, release };
}
