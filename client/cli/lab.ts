import { spawn } from 'node:child_process';
import { Option, type Command } from 'commander';
import { describe } from '../../lab/deadline.ts';
import { insideHost } from '../../lab/host.ts';
import { openLab, type Lab } from '../../lab/lab.ts';
import type { LabState } from '../../lab/state.ts';
import type { LabStatus } from '../../lab/status.ts';
import type { UpgraderKind } from '../../lab/up.ts';
import { CliExit, exitCodes, fail } from './exit.ts';

/** The exit code of a program that a signal ended is this much and the signal's number, as in a shell. */
const SIGNALLED = 128;

type UpFlags = {
  readonly hosts?: string;
  readonly worker: boolean;
  readonly secure?: boolean;
  readonly vm?: boolean;
  readonly upgrader?: UpgraderKind;
};

/** `refit lab …`: real hosts on this machine. */
export function registerLab(program: Command): void {
  const lab = program.command('lab').description('real hosts on this machine, each with systemd and a Docker Engine');
  lab.enablePositionalOptions();
  lab
    .command('up')
    .description('bring the lab up, setting up what is missing; does nothing if it is up')
    .option('--hosts <n>', 'how many hosts (4 for a new lab, 3 virtual machines)')
    .option('--vm', 'hosts are virtual machines, with a kernel and a boot loader of their own; only for a new lab')
    .option('--no-worker', 'start no worker')
    .option('--secure', 'etcd with TLS, and a certificate with its own rights for each host; only for a new lab')
    .addOption(
      new Option(
        '--upgrader <how>',
        'worker and API as processes on the machine, or as containers on two hosts',
      ).choices(['processes', 'containers']),
    )
    .addHelpText(
      'after',
      examples(
        'refit lab up',
        'refit lab up --hosts 8',
        'refit lab up --vm --hosts 1',
        'REFIT_LAB=second refit lab up --hosts 1 --no-worker',
      ),
    )
    .action((flags: UpFlags, command: Command) => reported(() => up(flags, wantsJson(command))));
  lab
    .command('down')
    .description('remove everything the lab has brought; what is cached for the next one stays')
    .addHelpText('after', examples('refit lab down'))
    .action((_flags: unknown, command: Command) => reported(() => down(wantsJson(command))));
  lab
    .command('status')
    .description('say how every part of the lab is')
    .addHelpText('after', examples('refit lab status', 'refit lab status --json'))
    .action((_flags: unknown, command: Command) => reported(() => status(wantsJson(command))));
  lab
    .command('exec')
    .description('run a command on a host; input, output and exit code are the command’s own')
    .argument('<host>', 'host-1 … host-N')
    .argument('<command...>', 'the command and its arguments, after --')
    .passThroughOptions()
    .addHelpText('after', examples('refit lab exec host-1 -- systemctl status docker', 'refit lab exec host-2 -- bash'))
    .action((host: string, argv: string[]) => reported(() => exec(host, argv[0] === '--' ? argv.slice(1) : argv)));
  lab
    .command('power-cycle')
    .description('take the power from a host and give it back, as nothing on the host expects it')
    .argument('<host>', 'host-1 … host-N')
    .addHelpText('after', examples('refit lab power-cycle host-1'))
    .action((host: string, _flags: unknown, command: Command) => reported(() => powerCycle(host, wantsJson(command))));
  for (const command of lab.commands.filter((each) => each.name() !== 'exec')) {
    command.option('--json', 'one JSON document on standard output');
  }
}

async function up(flags: UpFlags, json: boolean): Promise<void> {
  const lab = open();
  const hosts = flags.hosts === undefined ? {} : { hosts: parseCount(flags.hosts) };
  const upgrader = flags.upgrader === undefined ? {} : { upgrader: flags.upgrader };
  const result = await lab.up({
    ...hosts,
    ...upgrader,
    worker: flags.worker,
    secure: flags.secure === true,
    vm: flags.vm === true,
    say,
  });
  if (result.kind === 'refused') fail(exitCodes.wrongInput, result.reason);
  await print(lab, json);
  say(`lab ${lab.name} is up; its fleet file is ${lab.paths.fleetFile}`);
}

async function down(json: boolean): Promise<void> {
  const lab = open();
  const result = await lab.down(say);
  if (result.kind === 'refused') fail(exitCodes.wrongInput, result.reason);
  if (json) process.stdout.write(`${JSON.stringify({ lab: lab.name, up: false })}\n`);
  else say(`lab ${lab.name} is down`);
}

async function status(json: boolean): Promise<void> {
  const lab = open();
  if (await print(lab, json)) return;
  fail(exitCodes.unreachable, `lab ${lab.name} is not up; bring it up with: refit lab up`);
}

async function exec(host: string, argv: readonly string[]): Promise<void> {
  const lab = open();
  const known = await hostOf(lab, host);
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? ['--tty'] : [];
  const [first = '', ...inside] = insideHost(known, host);
  process.exitCode = await passThrough([first, '--interactive', ...terminal, ...inside, ...argv]);
}

async function powerCycle(host: string, json: boolean): Promise<void> {
  const lab = open();
  await hostOf(lab, host);
  await lab.cutPower(host);
  await lab.restorePower(host);
  if (json) process.stdout.write(`${JSON.stringify({ host, poweredOn: true })}\n`);
  else say(`${host} lost its power and has it back; it boots: refit lab status`);
}

/** The lab's state, once it is known to have the host. */
async function hostOf(lab: Lab, host: string): Promise<LabState> {
  const known = await lab.state();
  if (known === undefined) fail(exitCodes.unreachable, `lab ${lab.name} is not up; bring it up with: refit lab up`);
  const names = known.hosts.map(({ name }) => name);
  if (names.includes(host)) return known;
  return fail(exitCodes.wrongInput, `lab ${lab.name} has no host ${host}; it has ${names.join(', ')}`);
}

function passThrough(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('docker', [...args], { stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code, name) => resolve(code ?? SIGNALLED + (name === 'SIGINT' ? 2 : 15)));
  });
}

/** Prints the lab's state, as one document or as a table. Returns whether there is a lab. */
async function print(lab: Lab, json: boolean): Promise<boolean> {
  const found = await lab.status();
  if (found === undefined) return false;
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : table(found));
  return true;
}

export function table(status: LabStatus): string {
  const healthy = new Map(status.etcd.map((member) => [member.name, member.healthy ? 'healthy' : 'not healthy']));
  const rows = [
    ['HOST', 'STATE', 'ADDRESS', 'ENGINE', 'PLATFORM', 'ETCD'],
    ...status.hosts.map((host) => [
      host.name,
      host.state,
      host.address,
      `127.0.0.1:${host.ports.engine}`,
      `127.0.0.1:${host.ports.http}`,
      healthy.get(host.name) ?? '',
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const { registry, balancer, temporal, worker, api, upgrader } = status;
  const aliveness = (alive: boolean): string => (alive ? '' : ' (not alive)');
  return [
    ...lines,
    '',
    ...(status.vm ? ['hosts     virtual machines'] : []),
    `registry  ${registry.name} at ${registry.endpoint}${aliveness(registry.alive)}`,
    ...(balancer === null
      ? []
      : [
          `balancer  ${balancer.name} at ${balancer.endpoint}, requests at ${balancer.url}${aliveness(balancer.alive)}`,
        ]),
    `temporal  ${temporal.address}, Web UI ${temporal.ui}${aliveness(temporal.alive)}`,
    `worker    ${upgrader === null ? workerText(worker) : `containers on ${upgrader.hosts.join(', ')}`}`,
    ...(api === null ? [] : [`api       ${api.url}, token in ${api.tokenFile}${aliveness(api.alive)}`]),
    '',
  ].join('\n');
}

const workerText = ({ pid, alive }: LabStatus['worker']): string =>
  pid === null ? 'none' : `pid ${pid}${alive ? '' : ' (not alive)'}`;

function open(): Lab {
  try {
    return openLab();
  } catch (error) {
    fail(exitCodes.wrongInput, describe(error), { cause: error });
  }
}

/** The lab's failures are failures of the world, never of an upgrade. */
async function reported(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CliExit) throw error;
    fail(exitCodes.unreachable, describe(error), { cause: error });
  }
}

function parseCount(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : fail(exitCodes.wrongInput, `--hosts wants a number, not "${text}"`);
}

function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
