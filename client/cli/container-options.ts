import { InvalidArgumentError, type Command } from 'commander';
import { isAbsolute } from 'node:path';
import type { ContainerUpgrade } from '../../model/container-upgrade.ts';
import { exitCodes, fail } from './exit.ts';
import { addHealthOptions, healthFromOptions, type HealthOptions } from './health-options.ts';
import { parseDuration } from './quantity.ts';
import { addSettingOptions, settingsFromOptions, type SettingOptions } from './setting-options.ts';

export type ContainerOptions = SettingOptions &
  HealthOptions & { readonly envFile?: string; readonly keepOld?: number };

/** What `refit container upgrade` lays over the container, and when the new one counts as healthy. */
export const addContainerOptions = (command: Command): Command =>
  addHealthOptions(addSettingOptions(command))
    .option(
      '--env-file <path>',
      'file of NAME=VALUE lines on the worker’s disk; only its path is recorded',
      parseAbsolute,
    )
    .option('--keep-old <time>', 'keep the old container for this long, for a fast way back', parseDuration);

/** `words`: what stands behind the image. */
export function containerUpgradeFrom(
  image: string,
  words: readonly string[],
  options: ContainerOptions,
): ContainerUpgrade {
  return {
    action: 'upgrade',
    image,
    settings: settingsFromOptions(options, words),
    envFile: options.envFile ?? null,
    health: healthFromOptions(options),
    keepOldMs: options.keepOld ?? 0,
  };
}

/** A name that looks like an option is one that refit doesn't know: only the container's command may have such. */
export function refuseUnknownOptions(...names: readonly string[]): void {
  const unknown = names.find((name) => name.startsWith('-'));
  if (unknown !== undefined) {
    fail(
      exitCodes.wrongInput,
      `unknown option '${unknown}'; options of the container's command stand behind the image`,
    );
  }
}

/** The worker has a working folder of its own. */
function parseAbsolute(text: string): string {
  if (isAbsolute(text)) return text;
  throw new InvalidArgumentError('Expected an absolute path, as the worker sees it.');
}
