import { InvalidArgumentError, Option, type Command } from 'commander';
import { defaultUnitPolicy, type UnitPolicy, type UnitRelease } from '../../model/unit.ts';
import { parseDuration } from './quantity.ts';

/** What `refit unit upgrade` accepts about the way to the other slot; what is not said is as the release says. */
export type UnitOptions = {
  readonly approval?: boolean;
  readonly soak?: number;
  /** Share, 0 to 1; none: no rate is looked at. */
  readonly maxErrorRate?: number | 'none';
  readonly keep?: number;
  readonly drain?: number;
  readonly confirm?: number;
  readonly onFailure?: UnitPolicy['onFailure'];
};

export function addUnitOptions(command: Command): Command {
  const failures: readonly UnitPolicy['onFailure'][] = ['rollback', 'keep', 'pause'];
  return command
    .option('--approval', 'ask before the cutover: it waits for `refit unit approve`')
    .option('--soak <time>', 'watch the new slot for this long once it takes the requests', parseDuration)
    .option(
      '--max-error-rate <n%|none>',
      'share of requests that may fail while it soaks; none: it is not looked at',
      parseErrorRate,
    )
    .option(
      '--keep <time>',
      'keep the earlier slot warm for this long after the soak, for a fast way back',
      parseDuration,
    )
    .option('--drain <time>', 'longest wait for the requests that a slot is still at work on', parseDuration)
    .option('--confirm <time>', 'both slots must be seen healthy within this time, before the cutover', parseDuration)
    .addOption(
      new Option(
        '--on-failure <policy>',
        'what a failure leads to: rollback removes the new slot, keep leaves it to be looked at, pause asks (default: rollback)',
      ).choices(failures),
    );
}

/** The release's policy, with what the operator says laid over it. */
export function unitPolicyFrom(ofRelease: UnitRelease['policy'], options: UnitOptions): UnitPolicy {
  const { approval, soak, maxErrorRate, keep, drain, confirm, onFailure } = options;
  return {
    approval: approval ?? ofRelease.approval,
    soak: {
      ...ofRelease.soak,
      durationMs: soak ?? ofRelease.soak.durationMs,
      maxErrorRate: maxErrorRate === 'none' ? null : (maxErrorRate ?? ofRelease.soak.maxErrorRate),
    },
    keepMs: keep ?? ofRelease.keepMs,
    drainMs: drain ?? ofRelease.drainMs,
    confirmMs: confirm ?? ofRelease.confirmMs,
    onFailure: onFailure ?? defaultUnitPolicy.onFailure,
  };
}

/** `2%` → 0.02. */
function parseErrorRate(text: string): number | 'none' {
  if (text === 'none') return text;
  const percent = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) <= 100) return Number(percent) / 100;
  throw new InvalidArgumentError('Expected a share of the requests such as 2% or 0.5%, or none.');
}
