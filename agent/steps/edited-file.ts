import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { upgradeOfHop } from '../../model/ids.ts';
import type { FilesStep } from '../../model/release.ts';
import { readInstalledParts } from '../installed-files.ts';
import type { StepSite } from './kind.ts';
import { sha256Of } from './plain-file.ts';

type File = FilesStep['files'][number];

/** Most names that are tried for a file beside another: each is an upgrade that left one there. */
const MAX_BESIDE = 1_000;

/**
 * How a file on the host stands to the one that the release before put there and the one that this one brings.
 * own: nobody edited it · edited: it is neither · editedAlone: it is neither, and this release did not change it, so that there
 * is nothing to merge · unknown: what the release before put there is not known, or it put nothing there.
 */
export type Standing = 'own' | 'edited' | 'editedAlone' | 'unknown';

/** null: no plain file is there. */
export function standingOf(file: File, site: StepSite): Standing | null {
  const path = site.places.on(file.to);
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
  const [there, next] = [sha256Of(path), sha256Of(join(site.releaseFolder, file.from))];
  if (there === next) return 'own';
  const before = site.was === null ? null : readInstalledParts(site.places, site.was);
  const last = before?.files.find(({ to }) => to === file.to)?.sha256;
  if (last === undefined) return 'unknown';
  if (there === last) return 'own';
  return last === next ? 'editedAlone' : 'edited';
}

/** What becomes of it: own and unknown ones of `replace` are replaced as any file is. `question`: an operator has to say. */
export type Fate = 'replace' | 'replaceAndSave' | 'keep' | 'keepAndBring' | 'question';

export function fateOf(file: File, site: StepSite): Fate {
  const standing = standingOf(file, site);
  if (standing === null || standing === 'own') return 'replace';
  const answer = file.ifEdited === 'ask' ? (standing === 'editedAlone' ? 'keep' : site.edited) : file.ifEdited;
  switch (answer) {
    case null:
      return 'question';
    case 'keep':
      return standing === 'editedAlone' ? 'keep' : 'keepAndBring';
    case 'replace':
      return standing === 'unknown' && file.ifEdited === 'replace' ? 'replace' : 'replaceAndSave';
  }
}

/** Why the step can't go without an operator's answer, for people; null: it can. */
export function questionOf(files: readonly File[], site: StepSite): string | null {
  const asked = files.filter((file) => fateOf(file, site) === 'question').map(({ to }) => to);
  if (asked.length === 0) return null;
  const what = asked.length === 1 ? `${asked[0] ?? ''} was` : `${asked.join(', ')} were`;
  return `${what} edited on this host and ${site.release.version} brings another; say which stays: refit retry ${upgradeOfHop(site.upgrade)} HOST --edited keep|replace`;
}

/** A name beside the file that nobody has: `/etc/x.refit-new`, or with a number. */
export function freeNameBeside(to: string, what: 'new' | 'edited', site: StepSite): string {
  const isFree = (name: string): boolean => lstatSync(site.places.on(name), { throwIfNoEntry: false }) === undefined;
  const names = Array.from(
    { length: MAX_BESIDE },
    (_, index) => `${to}.refit-${what}${index === 0 ? '' : `.${index}`}`,
  );
  const free = names.find(isFree);
  if (free === undefined)
    throw new Error(`${to}: ${MAX_BESIDE} files such as ${to}.refit-${what} are there; remove some`);
  return free;
}
