import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { upgradeOfHop } from '../../model/ids.ts';
import { releaseLabel, type FilesStep } from '../../model/release.ts';
import { filesOfInstalled } from '../installed-files.ts';
import { hashFile } from '../releases.ts';
import type { StepSite } from './kind.ts';

type File = FilesStep['files'][number];

/** What a file's measured value says beside its hash when it is not the release's. */
export const KEPT_NOTE = ' (edited, kept)';

/** Most files of one kind beside another: each is an upgrade that left one, with another content than those before. */
const MAX_BESIDE = 100;
/** Most files that a question names: it has to fit into an outcome's error. */
const MAX_NAMED = 3;

/**
 * What becomes of a file. plain: nobody edited it, the release's comes · replaced: the release's comes, the edited one stays
 * beside it · kept: the edited one stays · keptWithNew: it stays, the release's comes beside it · asked: an operator has to say
 */
export type Fate = 'plain' | 'replaced' | 'kept' | 'keptWithNew' | 'asked';

/**
 * Tells a file's fate by three contents: what the release before put there, what this one brings, what is there.
 *
 * 1. A plain file that is neither of the two is edited. One of which refit does not know what was put there, such as one of
 *    before its first install, is edited too: to nobody's harm, since what was there stays in any case.
 * 2. Another mode or owner alone is no edit: they are the release's to say.
 * 3. Where the release brings what the one before brought there is nothing to merge: what may stay stays.
 */
export function fateFinder(site: StepSite): (file: File) => Promise<Fate> {
  let earlier: ReadonlyMap<string, string> | null = null;
  return async (file) => {
    const there = await hashPlainFile(site.places.on(file.to));
    const brought = await hashFile(join(site.releaseFolder, file.from));
    if (there === null || there === brought) return 'plain';
    // Read at the first file that needs it, and for all that follow.
    earlier ??= filesOfInstalled(site.places, site.was);
    const last = earlier.get(file.to) ?? null;
    return there === last ? 'plain' : fateOfEdited(file, { isUnchanged: last === brought, site });
  };
}

function fateOfEdited(
  { ifEdited }: File,
  { isUnchanged, site }: { readonly isUnchanged: boolean; readonly site: StepSite },
): Fate {
  // Steps in journals of before there was a choice have none, and replace.
  if (ifEdited !== 'keep' && ifEdited !== 'ask') return 'replaced';
  if (isUnchanged) return 'kept';
  const answer = ifEdited === 'ask' ? site.edited : ifEdited;
  if (answer === null) return 'asked';
  return answer === 'keep' ? 'keptWithNew' : 'replaced';
}

/** Why the step can't begin without an operator's answer, for people; null: it can. */
export async function questionOf({ files }: FilesStep, site: StepSite): Promise<string | null> {
  const asking = files.filter(({ ifEdited }) => ifEdited === 'ask');
  if (site.edited !== null || asking.length === 0) return null;
  const fateOf = fateFinder(site);
  const asked: string[] = [];
  for (const file of asking) if ((await fateOf(file)) === 'asked') asked.push(file.to);
  return asked.length === 0 ? null : questionAbout(asked, site);
}

/** The way to answer is in it: it ends as the host's error. */
export function questionAbout(asked: readonly string[], { host, release, upgrade }: StepSite): string {
  const more = asked.length > MAX_NAMED ? ` and ${asked.length - MAX_NAMED} more` : '';
  const named = `${asked.slice(0, MAX_NAMED).join(', ')}${more}`;
  const what = `${named} on host ${host} ${asked.length === 1 ? 'was' : 'were'} edited, and ${releaseLabel(release)} brings another`;
  const retry = `refit retry ${upgradeOfHop(upgrade)} ${host}`;
  return `${what}; say what becomes of it with: ${retry} --edited keep, or: ${retry} --edited replace`;
}

/**
 * Where a copy beside the file comes: `/etc/x.refit-new`, or with a number, so that nobody's file is written over. null: one
 * with that content is there already.
 */
export async function placeBeside(
  to: string,
  what: 'new' | 'edited',
  { hash, site }: { readonly hash: string | null; readonly site: StepSite },
): Promise<string | null> {
  const first = `${to}.refit-${what}`;
  for (let number = 1; number <= MAX_BESIDE; number += 1) {
    const name = number === 1 ? first : `${first}-${number}`;
    const path = site.places.on(name);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return name;
    if (hash !== null && (await hashPlainFile(path)) === hash) return null;
  }
  throw new Error(`beside ${to} are ${MAX_BESIDE} files such as ${first}; remove those that nobody needs`);
}

/** null: no plain file is there. What a link leads to is somebody else's. */
export async function hashPlainFile(path: string): Promise<string | null> {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? hashFile(path) : null;
}
