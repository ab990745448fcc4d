import type { Command } from 'commander';
import type { ContainerProgress } from '../../model/container-upgrade.ts';
import { parseHostId } from '../../model/ids.ts';
import type { MemberId } from '../../model/service.ts';
import type { ContainerRequest, Containers, ContainerStart } from '../containers.ts';
import type { RunId } from '../run-end.ts';
import { containerChanges, containerLines } from './container-lines.ts';
import {
  addContainerOptions,
  containerUpgradeFrom,
  refuseUnknownOptions,
  type ContainerOptions,
} from './container-options.ts';
import { containerVerdict } from './container-verdict.ts';
import { parsedBy, whoAmI, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { followRun } from './follow-run.ts';
import { containerDocument } from './member-documents.ts';
import { outputOf, withExamples, type CommonOptions, type Output } from './output.ts';

type Detachable = CommonOptions & { readonly detach?: boolean };
type UpgradeOptions = Detachable & ContainerOptions;
type Asked = 'upgrade' | 'rollback';

/** `refit container upgrade|rollback|watch HOST NAME`: one container, in place. */
export function registerContainers(program: Command): void {
  // Else the group would take the `--` in front of a container's command for its own.
  const group = program.command('container').description('one container of one host').enablePositionalOptions();
  registerUpgrade(group);
  withExamples(
    addNames(group.command('rollback'))
      .description('put the container that --keep-old kept in its place again')
      .option('--detach', 'return as soon as it has begun'),
    'refit container rollback host-1 db',
  ).action(rollback);
  withExamples(
    addNames(group.command('watch')).description('follow the latest upgrade of a container'),
    'refit container watch host-1 db',
  ).action(watch);
}

function registerUpgrade(group: Command): void {
  const command = addNames(group.command('upgrade'))
    .description('replace a container in place by one of another image; what was set on it stays')
    .argument('<image>', 'repository:tag, repository@digest, or an image that the host has')
    .argument(
      '[command...]',
      'its command, from the first word or option that refit does not know; after --, all of it',
    )
    .allowUnknownOption()
    .option('--detach', 'return as soon as the upgrade has begun');
  withExamples(
    addContainerOptions(command),
    'refit container upgrade host-1 db registry.lab:5000/postgres:15.8',
    'refit container upgrade host-1 db registry.lab:5000/postgres:15.8 --keep-old 24h --probe "exec:pg_isready -U app"',
    'refit container upgrade host-1 web registry.lab:5000/web:2 --env MODE=fast --unset-env DEBUG --memory 512MiB',
    'refit container upgrade host-1 web registry.lab:5000/web:2 -- server --user web --port 8080',
  ).action(upgrade);
}

const addNames = (command: Command): Command =>
  command.argument('<host>', 'a host of the fleet').argument('<name>', 'the container’s name');

type UpgradeWords = readonly [host: string, name: string, image: string, words: readonly string[], UpgradeOptions];

async function upgrade(...[host, name, image, words, options]: UpgradeWords): Promise<void> {
  refuseUnknownOptions(host, name, image);
  const action = containerUpgradeFrom(image, words, options);
  await startAndFollow({ host, name, action, asked: 'upgrade' }, options);
}

const rollback = (host: string, name: string, options: Detachable): Promise<void> =>
  startAndFollow({ host, name, action: { action: 'rollback' }, asked: 'rollback' }, options);

type Start = {
  readonly host: string;
  readonly name: string;
  readonly action: ContainerRequest['action'];
  readonly asked: Asked;
};

async function startAndFollow({ host, name, action, asked }: Start, options: Detachable): Promise<void> {
  const output = outputOf(options);
  await withContainer({ host, name }, async (containers, container) => {
    const started = await containers.start({ container, action, requestedBy: whoAmI() });
    const { id, run } = accepted(started, container);
    if (options.detach === true) {
      output.say(`${asked} ${id} has begun; watch it with: ${watchCommand(container)}`);
      if (output.json) output.document({ id, ...container, state: 'running' });
      return;
    }
    await follow(containers, { container, run, asked }, output);
  });
}

async function watch(host: string, name: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  await withContainer({ host, name }, async (containers, container) => {
    const latest = await containers.latest(container);
    if (latest === null) fail(exitCodes.wrongInput, `container ${name} on ${host} had no upgrade by itself yet`);
    await follow(containers, { container, run: latest.run, asked: 'upgrade' }, output);
  });
}

const follow = (
  containers: Containers,
  { container, run, asked }: { readonly container: MemberId; readonly run: RunId; readonly asked: Asked },
  output: Output,
): Promise<void> =>
  followRun<ContainerProgress>(
    {
      watch: (watcher, signal) => containers.watch(run, watcher, signal),
      wording: { lines: containerLines, changes: containerChanges },
      // It asks nobody: each of its waits has an end.
      isOurStop: () => false,
      verdict: (look) => containerVerdict(look, asked),
      document: containerDocument,
      watchCommand: watchCommand(container),
    },
    output,
  );

async function withContainer(
  { host, name }: { readonly host: string; readonly name: string },
  work: (containers: Containers, container: MemberId) => Promise<void>,
): Promise<void> {
  const container = { host: parsedBy(parseHostId, host), container: name };
  await withFleet(({ containers }) => work(containers, container));
}

function accepted(
  started: ContainerStart,
  { host, container }: MemberId,
): Extract<ContainerStart, { outcome: 'started' }> {
  if (started.outcome === 'started') return started;
  const text = `container ${container} on ${host} has an upgrade at work already: ${started.id}`;
  fail(exitCodes.wrongInput, `${text}; watch it with: ${watchCommand({ host, container })}`);
}

const watchCommand = ({ host, container }: { readonly host: string; readonly container: string }): string =>
  `refit container watch ${host} ${container}`;
