import { InvalidArgumentError, Option, type Command } from 'commander';
import { defaultPolicy, type Amount, type InstallStrategy, type Policy } from '../../model/policy.ts';
import { exitCodes, fail } from './exit.ts';
import { parseAmountOption, parseAmounts, parseCount, parseDuration, parseSize } from './quantity.ts';

/** What `refit upgrade` and `refit plan` accept about the way through the fleet. */
export type PolicyOptions = {
  readonly install?: InstallStrategy['strategy'];
  readonly waves?: readonly Amount[];
  readonly maxUnavailable?: Amount;
  readonly onFailure?: Policy['onFailure'];
  readonly maxFailures?: Amount;
  readonly step?: boolean;
  readonly maxParallelDownloads?: number;
  readonly downloadLimit?: number;
  readonly diskFloor?: number;
  readonly downloadDeadline?: number;
  readonly hostDeadline?: number;
  readonly silence?: number;
  readonly environmentRetry?: number;
  readonly environmentRetries?: number;
  readonly acceptRisk?: readonly string[];
  readonly pointsOfNoReturn?: Policy['pointsOfNoReturn'];
};

/** Most risks that one upgrade accepts: its policy is recorded with it. */
const MAX_RISKS = 32;

/** One host first, then a few, then a quarter of the fleet at a time. */
const DEFAULT_WAVES: readonly Amount[] = [{ hosts: 1 }, { hosts: 5 }, { percent: 25 }];

/** How hosts go: one by one, in waves, or handing the turn on among themselves. */
export function addInstallOptions(command: Command): Command {
  const strategies = ['serial', 'daisy-chain', 'waves'];
  return command
    .addOption(new Option('--install <strategy>', 'how hosts go, one by one unless said').choices(strategies))
    .option('--waves <sizes>', 'sizes of the waves, such as 1,5,25%; the last one repeats', parseAmounts)
    .option('--max-unavailable <n|n%>', 'most hosts of a wave that are out of service at once', parseAmountOption);
}

/** What happens when something fails, and the bounds that everything has. */
export function addPolicyOptions(command: Command): Command {
  const failures = ['pause', 'skip', 'rollback'];
  return command
    .addOption(new Option('--on-failure <policy>', 'what a failed host leads to (default: pause)').choices(failures))
    .option(
      '--max-failures <n|n%>',
      'hosts of the whole fleet that may fail before that (default: 0)',
      parseAmountOption,
    )
    .option('--step', 'ask before each wave, and between hops: it waits for `refit approve`')
    .option(
      '--accept-risk <name>',
      'allow a jump that a release allows only with this risk; may be given again',
      addRisk,
    )
    .addOption(
      new Option(
        '--points-of-no-return <policy>',
        'before a migration that has no way back: ask waits for `refit approve` (default: ask)',
      ).choices(['ask', 'pass']),
    )
    .option('--max-parallel-downloads <n>', 'hosts that download at the same time (default: 8)', parseCount)
    .option('--download-limit <size>', 'largest download for one host (default: 4GiB)', parseSize)
    .option('--disk-floor <size>', 'what must stay free on a host’s disk (default: 256MiB)', parseSize)
    .option('--download-deadline <time>', 'longest download of one host (default: 30m)', parseDuration)
    .option('--host-deadline <time>', 'longest install of one host, health included (default: 30m)', parseDuration)
    .option('--silence <time>', 'a host silent for this long is lost (default: 90s)', parseDuration)
    .option(
      '--environment-retry <time>',
      'pause between two looks at a broken environment (default: 10s)',
      parseDuration,
    )
    .option('--environment-retries <n>', 'looks at it before the operator is asked (default: 30)', parseCount);
}

export function policyFromOptions(options: PolicyOptions): Policy {
  return {
    install: installFromOptions(options),
    onFailure: options.onFailure ?? defaultPolicy.onFailure,
    maxFailures: options.maxFailures ?? defaultMaxFailures(options.onFailure),
    maxParallelDownloads: options.maxParallelDownloads ?? defaultPolicy.maxParallelDownloads,
    downloadByteLimit: options.downloadLimit ?? defaultPolicy.downloadByteLimit,
    diskFloorBytes: options.diskFloor ?? defaultPolicy.diskFloorBytes,
    downloadDeadlineMs: options.downloadDeadline ?? defaultPolicy.downloadDeadlineMs,
    hostDeadlineMs: options.hostDeadline ?? defaultPolicy.hostDeadlineMs,
    silenceMs: options.silence ?? defaultPolicy.silenceMs,
    environmentRetryMs: options.environmentRetry ?? defaultPolicy.environmentRetryMs,
    environmentRetries: options.environmentRetries ?? defaultPolicy.environmentRetries,
    step: options.step ?? defaultPolicy.step,
    acceptRisks: options.acceptRisk ?? defaultPolicy.acceptRisks,
    pointsOfNoReturn: options.pointsOfNoReturn ?? defaultPolicy.pointsOfNoReturn,
  };
}

/** In the order in which they were given, each once: the same policy is the same text. */
function addRisk(name: string, before: readonly string[] = []): readonly string[] {
  if (name.trim() === '') throw new InvalidArgumentError('Expected the name of a risk, as the refusal says it.');
  if (before.length >= MAX_RISKS) throw new InvalidArgumentError(`Expected at most ${MAX_RISKS} risks.`);
  return before.includes(name) ? before : [...before, name];
}

/** `--waves` and `--max-unavailable` speak of waves; with another strategy they would be silently without effect. */
function installFromOptions({ install, waves, maxUnavailable }: PolicyOptions): InstallStrategy {
  const speaksOfWaves = waves !== undefined || maxUnavailable !== undefined;
  const strategy = install ?? (speaksOfWaves ? 'waves' : 'serial');
  if (strategy === 'waves') return { strategy, sizes: waves ?? DEFAULT_WAVES, maxUnavailable: maxUnavailable ?? null };
  if (speaksOfWaves) {
    fail(exitCodes.wrongInput, `--waves and --max-unavailable go with --install waves, not with --install ${strategy}`);
  }
  return { strategy };
}

/** Who asks for `skip` and sets no budget wants every host that fails skipped. */
function defaultMaxFailures(onFailure: Policy['onFailure'] | undefined): Amount {
  return onFailure === 'skip' ? { percent: 100 } : defaultPolicy.maxFailures;
}
