import type { ContainerSettings } from '../../../model/replacement.ts';
import type { ContainerInspect, ImageConfig } from './inspected.ts';

/**
 * What a container starts, as it is asked of the engine. Entrypoint null: the image's · `['']`: none · Cmd empty: the
 * image's if the entrypoint is the image's too, else none.
 */
export type StartCommand = Pick<ContainerInspect['Config'], 'Entrypoint' | 'Cmd'>;

/**
 * What a person set of the container's entrypoint and command.
 *
 * 1. An entrypoint other than the image's was set.
 * 2. One that equals the image's was set if the image has a command and the container none: an engine drops the image's
 *    command when it is given an entrypoint, and only then.
 * 3. With an entrypoint that was set, the command was set as well, whatever it is; else it was if it is not the image's.
 */
export function userCommand({ Entrypoint: entrypoint, Cmd: command }: StartCommand, image: ImageConfig): StartCommand {
  const ofImage = image.Entrypoint ?? [];
  const isDropped = command.length === 0 && image.Cmd.length > 0;
  const isImages = sameTexts(entrypoint ?? [], ofImage) && !(isDropped && ofImage.length > 0);
  const unlessImages = sameTexts(command, image.Cmd) ? [] : command;
  if (isImages) return { Entrypoint: null, Cmd: unlessImages };
  // Reset by an empty list, which engines take for the image's command, or by one empty word, which they don't.
  if (entrypoint !== null && entrypoint.length === 0) return { Entrypoint: [], Cmd: unlessImages };
  return { Entrypoint: entrypoint ?? [''], Cmd: command };
}

/**
 * The command that was asked for, laid over what was set: a new entrypoint takes no command from an image, only one that was
 * set. One that is there already changes nothing, so that a repeated call finds what it made.
 */
export function layCommand(set: StartCommand, settings: ContainerSettings, image: ImageConfig): StartCommand {
  const { entrypoint = [], command = [] } = settings;
  const own = command.length > 0 ? command : set.Cmd;
  if (entrypoint.length === 0) return { Entrypoint: set.Entrypoint, Cmd: [...own] };
  const now = mergedCommand(set, image);
  const isThere = sameTexts(now.Entrypoint ?? [], withoutReset(entrypoint));
  return { Entrypoint: [...entrypoint], Cmd: [...(isThere && command.length === 0 ? now.Cmd : own)] };
}

/** As an engine merges them at a creation. */
export function mergedCommand(
  { Entrypoint: entrypoint, Cmd: command }: StartCommand,
  image: ImageConfig,
): StartCommand {
  const isGiven = entrypoint !== null && entrypoint.length > 0;
  return {
    Entrypoint: withoutReset(entrypoint ?? image.Entrypoint ?? []),
    Cmd: !isGiven && command.length === 0 ? image.Cmd : command,
  };
}

const withoutReset = (entrypoint: readonly string[]): string[] =>
  entrypoint.length === 1 && entrypoint[0] === '' ? [] : [...entrypoint];

export const sameTexts = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text, index) => text === other[index]);
