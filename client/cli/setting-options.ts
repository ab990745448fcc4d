import { InvalidArgumentError, Option, type Command } from 'commander';
import type { RestartPolicy } from '../../model/engine.ts';
import type { ContainerSettings } from '../../model/replacement.ts';
import { parseSize } from './quantity.ts';

type Pairs = Readonly<Record<string, string>>;
type Words = readonly string[];

/** What can be laid over a container's own settings. */
export type SettingOptions = {
  readonly entrypoint?: Words;
  readonly env?: Pairs;
  readonly unsetEnv?: Words;
  readonly label?: Pairs;
  readonly unsetLabel?: Words;
  readonly memory?: number;
  readonly cpus?: number;
  readonly restart?: RestartPolicy;
  readonly user?: string;
  readonly workdir?: string;
  readonly hostname?: string;
  readonly publish?: Words;
  readonly volume?: Words;
};

/** Most processors that a container may be given; a slip of the finger has more. */
const MAX_CPUS = 1_024;
const PORT = /^((\[[0-9a-f:]+\]|[0-9.]+):)?\d{0,5}:\d{1,5}(\/(tcp|udp|sctp))?$/i;
const VOLUME = /^[^:]+:\/[^:]*(:[A-Za-z,]+)?$/;

/** Settings stay as they are unless one of these says otherwise. */
export function addSettingOptions(command: Command): Command {
  const restart = ['no', 'always', 'unless-stopped', 'on-failure'];
  return command
    .option('--entrypoint <word>', 'run this instead of the image’s; once for each word, "" resets it', collect)
    .option('--env <name=value>', 'set a variable; it is recorded with the upgrade, --env-file is not', collectPairs)
    .option('--unset-env <name>', 'take a variable away', collect)
    .option('--label <name=value>', 'set a label', collectPairs)
    .option('--unset-label <name>', 'take a label away', collect)
    .option('--memory <size>', 'memory limit, such as 512MiB', parseSize)
    .option('--cpus <number>', 'processor limit, such as 1.5', parseCpus)
    .addOption(new Option('--restart <policy>', 'restart policy').choices(restart))
    .option('--user <user[:group]>', 'who it runs as')
    .option('--workdir <path>', 'working folder in the container')
    .option('--hostname <name>', 'host name in the container')
    .option('--publish <[address:]port:port>', 'publish a port of the container', collectMatching(PORT, '8080:80'))
    .option(
      '--volume <source:path[:ro]>',
      'mount a volume or a path of the host',
      collectMatching(VOLUME, 'data:/data'),
    );
}

/** `command`: the words behind the image. */
export function settingsFromOptions(options: SettingOptions, command: Words): ContainerSettings {
  const { entrypoint, env, unsetEnv, label, unsetLabel, memory, publish, volume } = options;
  const { cpus, restart, user, workdir, hostname } = options;
  return {
    ...(command.length > 0 && { command }),
    ...(entrypoint !== undefined && { entrypoint }),
    ...(env !== undefined && { env }),
    ...(unsetEnv !== undefined && { unsetEnv }),
    ...(label !== undefined && { labels: label }),
    ...(unsetLabel !== undefined && { unsetLabels: unsetLabel }),
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(cpus !== undefined && { cpus }),
    ...(restart !== undefined && { restart }),
    ...(user !== undefined && { user }),
    ...(workdir !== undefined && { workdir }),
    ...(hostname !== undefined && { hostname }),
    ...(publish !== undefined && { ports: publish }),
    ...(volume !== undefined && { volumes: volume }),
  };
}

const collect = (text: string, before: Words = []): Words => [...before, text];

function collectPairs(text: string, before: Pairs = {}): Pairs {
  const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Expected NAME=VALUE.');
  return { ...before, [name]: value };
}

const collectMatching =
  (pattern: RegExp, example: string) =>
  (text: string, before: Words = []): Words => {
    if (!pattern.test(text)) throw new InvalidArgumentError(`Expected something such as ${example}.`);
    return [...before, text];
  };

function parseCpus(text: string): number {
  const cpus = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (cpus <= 0 || cpus > MAX_CPUS) throw new InvalidArgumentError('Expected a number of processors such as 1.5.');
  return cpus;
}
