import { lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FilesStep } from '../../model/release.ts';
import { freeSpace } from '../disk-space.ts';
import { replaceFile, syncFolder, writeSynced } from '../durable.ts';
import type { Json, Verified } from '../ports.ts';
import { hashFile } from '../releases.ts';
import { beforeOf, captureFile, placeSaved, putBack, type Earlier } from './earlier-file.ts';
import { fateFinder, hashPlainFile, KEPT_NOTE, questionAbout, type Fate } from './edited-file.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';
import { idOf } from './owners.ts';
import { own, PERMISSIONS } from './plain-file.ts';

type File = FilesStep['files'][number];

/** Files with content, mode and owner; each is replaced in one step. One that somebody edited is never lost. */
export const filesKind: StepKind<FilesStep> = {
  check: async (step, site) => (await look(step, site)).problem === null && (await isBesideThere(step, site)),
  capture: async (step, site) => {
    const fates = await fatesOf(step, site);
    mkdirSync(site.undoFolder, { recursive: true });
    const before: (Earlier & Json)[] = [];
    for (const [index, file] of step.files.entries()) {
      before.push(await captureFile(file, { index, fate: fates[index] ?? 'plain', site }));
    }
    syncFolder(site.undoFolder);
    return before;
  },
  apply: (step, site) => {
    const before = beforeOf(site);
    for (const [index, file] of step.files.entries()) bring(file, before[index], site);
    return Promise.resolve();
  },
  verify: look,
  undo: (step, site) => {
    const before = beforeOf(site);
    for (const [index, file] of [...step.files.entries()].reverse()) {
      const earlier = before[index];
      if (earlier !== undefined) putBack(earlier, site.places.on(file.to), site);
    }
    return Promise.resolve();
  },
  settle: nothingToSettle,
  probe: (step, site) => Promise.resolve(probe(step, site)),
};

/** Every file as it is; an edited one that stays is right as it is. */
async function look(step: FilesStep, site: StepSite): Promise<Verified> {
  const [before, fateOf] = [beforeOf(site), fateFinder(site)];
  const measured: Record<string, string> = {};
  let problem: string | null = null;
  for (const [index, file] of step.files.entries()) {
    const hash = await hashPlainFile(site.places.on(file.to));
    const difference = await findDifference(file, { hash, site });
    // What was decided when the step began counts; before that, a file is kept only if there is nothing to do for it.
    const isKept = difference !== null && hash !== null && (before[index]?.kind ?? (await fateOf(file))) === 'kept';
    if (!isKept) problem ??= difference;
    measured[`file:${file.to}`] = `sha256:${hash ?? 'absent'}${isKept ? KEPT_NOTE : ''}`;
  }
  return { problem, measured };
}

async function findDifference(
  file: File,
  { hash, site }: { readonly hash: string | null; readonly site: StepSite },
): Promise<string | null> {
  const found = lstatSync(site.places.on(file.to), { throwIfNoEntry: false });
  if (found?.isFile() !== true) return `${file.to} is ${found === undefined ? 'missing' : 'not a plain file'}`;
  const wanted = { mode: parseInt(file.mode, 8), uid: uidOf(file, site), gid: gidOf(file, site) };
  const mode = found.mode & PERMISSIONS;
  if (mode !== wanted.mode) return `${file.to} has mode ${mode.toString(8)}, expected ${file.mode}`;
  if (found.uid !== wanted.uid || found.gid !== wanted.gid)
    return `${file.to} is not owned by ${file.owner}:${file.group}`;
  const should = await hashFile(join(site.releaseFolder, file.from));
  return hash === should ? null : `${file.to} has other content than the release's ${file.from}`;
}

/** The release's, beside a file that is kept. An edited one is beside the release's before that takes its place. */
async function isBesideThere(step: FilesStep, site: StepSite): Promise<boolean> {
  const before = beforeOf(site);
  for (const [index, file] of step.files.entries()) {
    const earlier = before[index];
    if (earlier?.kind !== 'kept' || earlier.beside === null) continue;
    const is = await hashPlainFile(site.places.on(earlier.beside));
    if (is !== (await hashFile(join(site.releaseFolder, file.from)))) return false;
  }
  return true;
}

/** Told once, before anything is changed, so that a kill in the middle changes no fate. */
async function fatesOf({ files }: FilesStep, site: StepSite): Promise<readonly Fate[]> {
  const fateOf = fateFinder(site);
  const fates: Fate[] = [];
  for (const file of files) fates.push(await fateOf(file));
  const asked = files.filter((_, index) => fates[index] === 'asked').map(({ to }) => to);
  if (asked.length > 0) throw new Error(questionAbout(asked, site));
  return fates;
}

function bring(file: File, earlier: Earlier | undefined, site: StepSite): void {
  if (earlier?.kind === 'kept') {
    if (earlier.beside !== null) place(file, earlier.beside, site);
    return;
  }
  // Saved, since after a kill the release's may be there already.
  if (earlier?.kind === 'file' && earlier.beside !== null) placeSaved(earlier, site.places.on(earlier.beside), site);
  place(file, file.to, site);
}

function place(file: File, to: string, site: StepSite): void {
  const content = readFileSync(join(site.releaseFolder, file.from));
  const owner = { uid: uidOf(file, site), gid: gidOf(file, site) };
  replaceFile(site.places.on(to), (partial) => {
    writeSynced(partial, content, parseInt(file.mode, 8));
    own(partial, owner, parseInt(file.mode, 8));
  });
}

function probe(step: FilesStep, site: StepSite): { ok: boolean; evidence: string } {
  const needed = step.files
    .map(({ from }) => lstatSync(join(site.releaseFolder, from)).size)
    .reduce((a, b) => a + b, 0);
  for (const { to } of step.files) {
    const space = freeSpace(dirname(site.places.on(to)));
    if (!space.isWritable) return { ok: false, evidence: `${to} can't be written: ${space.folder} is not writable` };
    if (space.freeBytes < needed) {
      return { ok: false, evidence: `${to}: ${space.freeBytes} bytes free in ${space.folder}, ${needed} needed` };
    }
  }
  return { ok: true, evidence: `${step.files.length} places are writable, ${needed} bytes fit` };
}

const uidOf = (file: File, site: StepSite): number => idOf(site.places.on('/etc/passwd'), file.owner);
const gidOf = (file: File, site: StepSite): number => idOf(site.places.on('/etc/group'), file.group);
