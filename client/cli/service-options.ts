import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseAmount, type Amount } from '../../model/policy.ts';
import {
  defaultServicePolicy,
  type ServiceMode,
  type ServicePolicy,
  type ServiceStrategy,
} from '../../model/service.ts';
import { exitCodes, fail } from './exit.ts';
import { addHealthOptions, healthFromOptions, type HealthOptions } from './health-options.ts';
import { parseDuration } from './quantity.ts';

/** What `refit service upgrade` accepts about the way through the members. */
export type ServiceOptions = HealthOptions & {
  readonly phases?: Amount;
  readonly allAtOnce?: boolean;
  readonly mode?: ServiceMode;
  readonly release?: string;
  readonly minAvailable?: Amount;
  readonly drain?: number;
  readonly onFailure?: ServicePolicy['onFailure'];
  readonly maxFailures?: Amount;
  readonly keepOld?: number;
};

export function addServiceOptions(command: Command): Command {
  const modes: readonly ServiceMode[] = ['inPlace', 'create', 'agent'];
  command
    .option('--phases <n|n%>', 'members that go together (default: one after another)', parseMembers)
    .option('--all-at-once', 'stop every old member before the first new one starts')
    .addOption(
      new Option(
        '--mode <mode>',
        'inPlace keeps configuration, create makes new containers from the image, agent lets each host’s agent do it (default: inPlace)',
      ).choices(modes),
    )
    .option('--release <reference>', 'the installed release that names the image, for --mode agent')
    .option('--min-available <n|n%>', 'members that stay available all the time', parseMembers)
    .option('--drain <time>', 'longest wait for a member to finish its requests (default: 30s)', parseDuration);
  return addHealthOptions(command)
    .addOption(
      new Option('--on-failure <policy>', 'what a failed member leads to (default: rollback)').choices([
        'pause',
        'skip',
        'rollback',
      ]),
    )
    .option(
      '--max-failures <n|n%>',
      'members that may fail before that (default: 0; with skip all)',
      parseAmountOfMembers,
    )
    .option('--keep-old <time>', 'keep old containers for this long, for a fast way back', parseDuration);
}

export function servicePolicyFrom(options: ServiceOptions): ServicePolicy {
  refuseContradictions(options);
  const { mode, minAvailable, drain, onFailure, maxFailures, keepOld } = options;
  return {
    ...defaultServicePolicy,
    strategy: strategyFrom(options),
    mode: mode ?? defaultServicePolicy.mode,
    minAvailable: minAvailable ?? defaultServicePolicy.minAvailable,
    health: healthFromOptions(options),
    drainMs: drain ?? defaultServicePolicy.drainMs,
    onFailure: onFailure ?? defaultServicePolicy.onFailure,
    // Who asks for `skip` and sets no budget wants every member that fails skipped.
    maxFailures: maxFailures ?? (onFailure === 'skip' ? { percent: 100 } : defaultServicePolicy.maxFailures),
    keepOldMs: keepOld ?? defaultServicePolicy.keepOldMs,
  };
}

function strategyFrom({ phases, allAtOnce = false }: ServiceOptions): ServiceStrategy {
  if (allAtOnce) return { strategy: 'allAtOnce' };
  return phases === undefined ? { strategy: 'inPlace' } : { strategy: 'phases', size: phases };
}

/** Options that would be without effect beside each other are refused rather than ignored. */
function refuseContradictions({ allAtOnce = false, ...options }: ServiceOptions): void {
  const { phases, minAvailable, mode, release, keepOld } = options;
  const because = (text: string): never => fail(exitCodes.wrongInput, text);
  if (allAtOnce && phases !== undefined) because('--phases and --all-at-once exclude each other');
  if (allAtOnce && minAvailable !== undefined)
    because('--all-at-once leaves no member available: leave out --min-available');
  if (allAtOnce && mode === 'agent') because('--mode agent works host by host: leave out --all-at-once');
  if (mode === 'agent' && release === undefined)
    because('--mode agent needs --release, the release that names the image');
  if (mode !== 'agent' && release !== undefined) because('--release goes with --mode agent');
  if (mode === 'create' && keepOld !== undefined) because('--mode create keeps no old container: leave out --keep-old');
}

/** At least one: none would be no phase, and no bound. */
export function parseMembers(text: string): Amount {
  const amount = parseAmountOfMembers(text);
  if (('hosts' in amount ? amount.hosts : amount.percent) > 0) return amount;
  throw new InvalidArgumentError('Expected at least one member.');
}

function parseAmountOfMembers(text: string): Amount {
  try {
    return parseAmount(text);
  } catch {
    throw new InvalidArgumentError('Expected a number of members such as 2, or a share such as 25%.');
  }
}
