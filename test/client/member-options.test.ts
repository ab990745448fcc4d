import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { containerUpgradeFrom, type ContainerOptions } from '../../client/cli/container-options.ts';
import { registerContainers } from '../../client/cli/containers.ts';
import { parseProbe } from '../../client/cli/probe.ts';
import { addServiceOptions, servicePolicyFrom, type ServiceOptions } from '../../client/cli/service-options.ts';
import type { ContainerUpgrade } from '../../model/container-upgrade.ts';
import { defaultServicePolicy, type ServicePolicy } from '../../model/service.ts';

type Words = readonly [host: string, name: string, image: string, words: readonly string[], ContainerOptions];

/** What `refit container upgrade …` would ask for. */
async function containerUpgrade(...argv: readonly string[]): Promise<ContainerUpgrade> {
  const program = quiet(new Command('refit').enablePositionalOptions());
  registerContainers(program);
  const [group = program] = program.commands;
  const command = group.commands.find((each) => each.name() === 'upgrade') ?? group;
  const asked: ContainerUpgrade[] = [];
  for (const each of [group, command]) quiet(each);
  command.action((...[, , image, words, options]: Words) => {
    asked.push(containerUpgradeFrom(image, words, options));
  });
  await program.parseAsync(['container', 'upgrade', ...argv], { from: 'user' });
  const [first] = asked;
  if (first === undefined) throw new Error('the command did not run');
  return first;
}

function servicePolicy(...argv: readonly string[]): ServicePolicy {
  const command = quiet(addServiceOptions(new Command('upgrade')));
  command.parse([...argv], { from: 'user' });
  return servicePolicyFrom(command.opts<ServiceOptions>());
}

/** Throws where the program would print and end. */
const quiet = (command: Command): Command => command.exitOverride().configureOutput({ writeErr: () => undefined });

describe('the options of a container’s upgrade', () => {
  it('change nothing where they are not given', async () => {
    expect(await containerUpgrade('host-1', 'db', 'db:2')).toEqual({
      ...{ action: 'upgrade', image: 'db:2', settings: {}, envFile: null, keepOldMs: 0 },
      health: { minHealthyTimeMs: 5_000, deadlineMs: 120_000, probe: null },
    });
  });

  it('are laid over the container, each as often as it is given', async () => {
    const { settings, envFile, keepOldMs, health } = await containerUpgrade(
      ...[
        'host-1',
        'db',
        '--env',
        'A=1',
        '--env',
        'B=x=y',
        '--unset-env',
        'C',
        '--label',
        'tier=db',
        '--unset-label',
        'old',
      ],
      ...['--entrypoint', '/bin/init', '--entrypoint', '--fast', '--memory', '512MiB', '--cpus', '1.5'],
      ...['--restart', 'on-failure', '--user', '1000:1000', '--workdir', '/srv', '--hostname', 'db'],
      ...['--publish', '127.0.0.1:8080:80/tcp', '--publish', '53:53/udp', '--volume', 'data:/data:ro'],
      ...['--env-file', '/etc/refit/db.env', '--keep-old', '24h', '--min-healthy', '1s', '--deadline', '10s', 'db:2'],
    );

    expect(settings).toEqual({
      ...{ env: { A: '1', B: 'x=y' }, unsetEnv: ['C'], labels: { tier: 'db' }, unsetLabels: ['old'] },
      ...{ entrypoint: ['/bin/init', '--fast'], memoryBytes: 512 * 1024 ** 2, cpus: 1.5, restart: 'on-failure' },
      ...{ user: '1000:1000', workdir: '/srv', hostname: 'db' },
      ...{ ports: ['127.0.0.1:8080:80/tcp', '53:53/udp'], volumes: ['data:/data:ro'] },
    });
    expect({ envFile, keepOldMs }).toEqual({ envFile: '/etc/refit/db.env', keepOldMs: 86_400_000 });
    expect(health).toEqual({ minHealthyTimeMs: 1_000, deadlineMs: 10_000, probe: null });
  });

  it.each([
    ['its words', ['sleep', '600'], ['sleep', '600'], undefined],
    ['options that refit does not know', ['sh', '-c', 'echo hi'], ['sh', '-c', 'echo hi'], undefined],
    ['an option first', ['--port', '80'], ['--port', '80'], undefined],
    ['everything behind --', ['--', 'server', '--user', 'web'], ['server', '--user', 'web'], undefined],
    ['no option of refit’s in front of --', ['--user', 'root', '--', '--user', 'web'], ['--user', 'web'], 'root'],
    ['no option of refit’s behind its words', ['server', '--user', 'web'], ['server'], 'web'],
    ['an own -- behind its words', ['git', '-C', '/', '--', '--json'], ['git', '-C', '/', '--', '--json'], undefined],
  ])('behind the image leave %s to the container’s command', async (...[, argv, command, user]) => {
    const { settings } = await containerUpgrade('host-1', 'web', 'web:2', ...argv);

    expect(settings).toEqual({ command, ...(user !== undefined && { user }) });
  });

  it('can reset the image’s entrypoint by one empty word', async () => {
    expect((await containerUpgrade('host-1', 'web', 'web:2', '--entrypoint', '')).settings.entrypoint).toEqual(['']);
  });

  it.each([
    [['--env', 'NAME'], 'Expected NAME=VALUE.'],
    [['--label', '=value'], 'Expected NAME=VALUE.'],
    [['--cpus', '0'], 'Expected a number of processors'],
    [['--memory', '1X'], 'Expected a size'],
    [['--restart', 'never'], 'Allowed choices are'],
    [['--publish', 'http'], 'such as 8080:80'],
    [['--volume', 'data'], 'such as data:/data'],
    [['--env-file', 'db.env'], 'an absolute path'],
    [['--min-healthy', '10s', '--deadline', '5s'], 'longer than --min-healthy (10s), got 5s'],
  ])('are refused when they make no sense: %j', async (argv, message) => {
    await expect(containerUpgrade(...argv, 'host-1', 'db', 'db:2')).rejects.toThrow(message);
  });
});

describe('a probe', () => {
  it.each([
    ['http://10.0.0.5:8080/health', { type: 'http', url: 'http://10.0.0.5:8080/health', status: 200, contains: null }],
    ['tcp://10.0.0.5:5432', { type: 'tcp', host: '10.0.0.5', port: 5432 }],
    ['tcp://[::1]:5432', { type: 'tcp', host: '::1', port: 5432 }],
    ['exec:pg_isready  -U app', { type: 'exec', command: ['pg_isready', '-U', 'app'] }],
    ['exec:["sh","-c","test -e /ready"]', { type: 'exec', command: ['sh', '-c', 'test -e /ready'] }],
  ])('is read from %s', (text, probe) => expect(parseProbe(text)).toEqual(probe));

  it.each(['', 'exec:', 'exec:[1]', 'exec:[', 'tcp://10.0.0.5', 'tcp://10.0.0.5:80/path', 'ftp://x', '/health'])(
    'is not taken from %j',
    (text) => expect(() => parseProbe(text)).toThrow('Expected http://host:port/path'),
  );
});

describe('the options of a service’s upgrade', () => {
  it('leave the defaults where they are not given', () => {
    expect(servicePolicy()).toEqual(defaultServicePolicy);
  });

  it('say how members go, and what happens when one fails', () => {
    const argv = [
      '--phases',
      '25%',
      '--min-available',
      '4',
      '--drain',
      '10s',
      '--on-failure',
      'pause',
      '--keep-old',
      '1h',
    ];

    expect(servicePolicy(...argv, '--max-failures', '1', '--mode', 'inPlace', '--probe', 'exec:check')).toEqual({
      ...defaultServicePolicy,
      ...{ strategy: { strategy: 'phases', size: { percent: 25 } }, minAvailable: { hosts: 4 }, drainMs: 10_000 },
      ...{ onFailure: 'pause', maxFailures: { hosts: 1 }, keepOldMs: 3_600_000 },
      health: { ...defaultServicePolicy.health, probe: { type: 'exec', command: ['check'] } },
    });
    expect(servicePolicy('--all-at-once').strategy).toEqual({ strategy: 'allAtOnce' });
  });

  it('skip every member that fails when no budget is named', () => {
    expect(servicePolicy('--on-failure', 'skip').maxFailures).toEqual({ percent: 100 });
  });

  it.each([
    [['--all-at-once', '--phases', '2'], 'exclude each other'],
    [['--all-at-once', '--min-available', '1'], 'leave out --min-available'],
    [['--all-at-once', '--mode', 'agent', '--release', 'x:1'], 'leave out --all-at-once'],
    [['--mode', 'agent'], '--mode agent needs --release'],
    [['--release', 'x:1'], '--release goes with --mode agent'],
    [['--mode', 'create', '--keep-old', '1h'], 'leave out --keep-old'],
    [['--phases', '0'], 'Expected at least one member.'],
    [['--phases', 'all'], 'Expected a number of members'],
    [['--mode', 'blue'], 'Allowed choices are'],
  ])('that contradict each other or make no sense are refused: %j', (argv, message) => {
    expect(() => servicePolicy(...argv)).toThrow(message);
  });
});
