import { Option, type Command } from 'commander';
import { createEngine } from '../../drivers/docker/engine.ts';
import { createReleaseLook } from '../../drivers/docker/release-look.ts';
import { pause } from '../../drivers/pause.ts';
import { createRegistry } from '../../drivers/registry.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { LocalAction } from '../../model/local-job.ts';
import type { Clock } from '../../model/ports.ts';
import type { EditedAnswer } from '../../model/upgrade.ts';
import { runLocalUpgrade, type LocalOutcome, type LocalPorts, type LocalRequest } from '../local-upgrade.ts';
import { createLocalImages } from '../local-upgrade-image.ts';
import { exitCodes, fail } from './exit.ts';
import { hostDocument, hostNarrator, hostVerdict, type LocalOver } from './host-lines.ts';
import { askEngine, findTarget, type HostTarget, type TargetOptions } from './host-target.ts';
import { outputOf, withExamples, type CommonOptions, type Output } from './output.ts';

type HostOptions = CommonOptions &
  TargetOptions & { readonly acceptRisk?: readonly string[]; readonly edited?: EditedAnswer };

const never = new AbortController().signal;
const clock: Clock = { now: () => Date.now(), sleep: (ms, signal) => pause(ms, signal ?? never) };

/** `refit host upgrade|rollback --local REF`: one host, with nothing but its engine and the release's image. */
export function registerHost(program: Command): void {
  const group = program.command('host').description('one host by itself, without worker, Temporal or etcd');
  const upgrade = addTarget(group.command('upgrade'))
    .description('upgrade one host with nothing but its Docker Engine and the release’s image; followed to its end')
    .addOption(
      new Option('--edited <answer>', 'for edited files that ask: which one counts').choices(['keep', 'replace']),
    )
    .option(
      '--accept-risk <name>',
      'allow a jump that the release allows only with this risk; may be given again',
      collect,
    )
    .action((reference: string, options: HostOptions) => run('install', reference, options));
  withExamples(
    upgrade,
    'refit host upgrade --local registry.lab:5000/sample:2.0.0                  the host that this is typed on',
    'refit host upgrade --local registry.lab:5000/sample:2.0.0 --host web-3     one of the fleet file’s',
    'refit host upgrade --local registry.lab:5000/sample:2.0.0 --engine tcp://10.0.0.13:2376',
  );
  withExamples(
    addTarget(group.command('rollback'))
      .description('take back what the latest install of this release did on one host; followed to its end')
      .action((reference: string, options: HostOptions) => run('revert', reference, options)),
    'refit host rollback --local registry.lab:5000/sample:2.0.0 --host web-3',
  );
}

const collect = (name: string, before: readonly string[] = []): readonly string[] => [...before, name];

const addTarget = (command: Command): Command =>
  command
    .argument(
      '<reference>',
      'the release, as repository:tag or repository@digest; one that the engine has needs no registry',
    )
    .requiredOption('--local', 'without worker, Temporal or etcd; of a whole fleet: refit upgrade')
    .option('--host <name>', 'a host of the fleet file')
    .option('--engine <url>', 'its Docker Engine (default: unix:///var/run/docker.sock)');

async function run(action: LocalAction, reference: string, options: HostOptions): Promise<void> {
  const output = outputOf(options);
  const target = await findTarget(options);
  const request: LocalRequest = {
    ...{ action, reference, host: target.host, agentConfig: target.agentConfig },
    upgrade: parseUpgradeId(`local-${new Date().toISOString().slice(0, 19).replace(/\D/g, '')}`),
    acceptRisks: options.acceptRisk ?? [],
    edited: options.edited ?? null,
  };
  const outcome = await attempt(target, request, output);
  switch (outcome.outcome) {
    case 'refused':
      return fail(exitCodes.wrongInput, `${outcome.message}; nothing was changed`);
    case 'failed':
      return fail(exitCodes.failed, outcome.message);
    case 'over':
      conclude(request, outcome, output);
  }
}

function conclude(request: LocalRequest, outcome: LocalOver, output: Output): void {
  if (output.json) output.document(hostDocument(request, outcome));
  const verdict = hostVerdict(request, outcome);
  if (verdict.exitCode !== exitCodes.done) fail(verdict.exitCode, verdict.message);
  output.say(verdict.message);
}

/** A text that names no image is found when it is looked for. */
async function attempt(target: HostTarget, request: LocalRequest, output: Output): Promise<LocalOutcome> {
  const engine = createEngine(target.access, target.host);
  const registry = createRegistry(target.registries);
  const look = createReleaseLook(target.access, target.host);
  const images = createLocalImages({ engine, look, registry, registries: target.registries });
  const ports: LocalPorts = { engine, images, clock, say: hostNarrator(request, (line) => output.say(line)) };
  try {
    return await askEngine(() => runLocalUpgrade(ports, request));
  } catch (error) {
    if (error instanceof RangeError) fail(exitCodes.wrongInput, error.message, { cause: error });
    throw error;
  }
}
