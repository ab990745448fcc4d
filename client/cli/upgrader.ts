import type { Command } from 'commander';
import { parseReference } from '../../drivers/oci/reference.ts';
import { buildOf, type BuildId } from '../../model/upgrader.ts';
import { openFleet, parsedBy } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { openRegistry, settled } from './publishing.ts';
import { upgraderLines } from './upgrader-lines.ts';

type BuildFlags = CommonOptions & { readonly push?: string; readonly output?: string };
type StartFlags = CommonOptions & { readonly withApi?: boolean };

/** `refit upgrader …`: worker and API as containers on hosts of the fleet. */
export function registerUpgrader(program: Command): void {
  const upgrader = program.command('upgrader').description('worker and API as containers on hosts of the fleet');
  withExamples(
    upgrader
      .command('build')
      .description('make the image of worker and API, the same image from the same sources; no Docker Engine is needed')
      .option('--push <ref>', 'publish it; without a tag in the reference the build becomes the tag')
      .option('--output <dir>', 'where the image is written to, as an OCI layout (.refit/upgrader)')
      .action(build),
    'refit upgrader build',
    'refit upgrader build --push registry.example:5000/refit/upgrader',
  );
  withExamples(
    upgrader
      .command('start')
      .description('start the first upgrader on each host that carries one; upgrades bring those after it')
      .argument('<image>', 'the upgrader’s image, by digest')
      .option('--with-api', 'the API as well, beside each worker')
      .action(start),
    'refit upgrader start registry.example:5000/refit/upgrader@sha256:… --with-api',
  );
  withExamples(
    upgrader
      .command('status')
      .description('its containers on each host, the versions that Temporal knows, and their open runs')
      .action(status),
    'refit upgrader status',
    'refit upgrader status --json',
  );
}

async function build(flags: BuildFlags): Promise<void> {
  const output = outputOf(flags);
  if (flags.push !== undefined && parsedBy(parseReference, flags.push).digest !== null)
    fail(exitCodes.wrongInput, `expected a reference without a digest to push to, got ${flags.push}`);
  await settled(async () => {
    const registry = openRegistry();
    const { buildUpgraderImage, pushUpgrader } = await import('../upgrader-build.ts');
    const built = await buildUpgraderImage(flags.output);
    const published = flags.push === undefined ? null : await pushUpgrader(registry, flags.push, built);
    const reference = published?.reference ?? null;
    output.say(`built ${built.digest} in ${built.layout}, ${Math.round(built.sizeBytes / 1_000_000)} MB`);
    output.say(reference === null ? 'publish it with --push REF' : `published ${reference}`);
    if (output.json) output.document({ ...built, build: buildOf(`upgrader@${built.digest}`), reference });
  });
}

async function start(image: string, flags: StartFlags): Promise<void> {
  const output = outputOf(flags);
  const build: BuildId = parsedBy(buildOf, image);
  parsedBy(parseReference, image);
  const fleet = openFleet();
  const { startUpgrader } = await import('../upgrader-start.ts');
  const roles = flags.withApi === true ? (['worker', 'api'] as const) : (['worker'] as const);
  const containers = await startUpgrader({ fleet, image, roles, say: (line) => output.say(line) });
  if (output.json) output.document({ build, containers });
  const ill = containers.filter(({ problem }) => problem !== null);
  if (ill.length === 0) return;
  const names = ill.map(({ host, container }) => `${container} on ${host}`).join(', ');
  fail(exitCodes.failed, `not well: ${names}; see docker logs there, and what is in /etc/refit`);
}

async function status(flags: CommonOptions): Promise<void> {
  const output = outputOf(flags);
  const fleet = openFleet();
  const { upgraderStatus } = await import('../upgrader-status.ts');
  const found = await upgraderStatus(fleet);
  if (output.json) output.document(found);
  else for (const line of upgraderLines(found)) output.say(line);
}
