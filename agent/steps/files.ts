import {
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { FilesStep } from '../../model/release.ts';
import { freeSpace } from '../disk-space.ts';
import { syncFolder, writeSynced } from '../durable.ts';
import { hashFile } from '../releases.ts';
import type { Json } from '../ports.ts';
import { fateOf, freeNameBeside, questionOf } from './edited-file.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';
import { idOf } from './owners.ts';
import { own, replaceFile } from './plain-file.ts';

type File = FilesStep['files'][number];

/**
 * What stood at a file's place. `saved`: its copy in the undo folder; `folders`: those that have to be made for it; `isKept`: it
 * stays there, since somebody edited it; `beside`: the file that is made beside it, with the release's content or with its own.
 */
const Earlier = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('absent'), folders: z.array(z.string()) }),
  z.object({ kind: z.literal('link'), target: z.string() }),
  z.object({
    kind: z.literal('file'),
    saved: z.string(),
    mode: z.number(),
    uid: z.number(),
    gid: z.number(),
    mtimeMs: z.number(),
    // Journals of before files could be kept.
    isKept: z.boolean().default(false),
    beside: z.string().nullable().default(null),
  }),
]);
type Earlier = z.infer<typeof Earlier>;
const Before = z.array(Earlier);

/** Permission bits of a mode. */
const PERMISSIONS = 0o7777;

/** Files with content, mode and owner; each is replaced in one step. */
export const filesKind: StepKind<FilesStep> = {
  check: async (step, site) => (await findDifference(step, site)) === null,
  capture: (step, site) => {
    mkdirSync(site.undoFolder, { recursive: true });
    const before = step.files.map((file, index) => capture(file, site, index));
    syncFolder(site.undoFolder);
    return Promise.resolve(before);
  },
  apply: (step, site) => {
    const before = earlierOf(site);
    for (const [index, file] of step.files.entries()) bring(file, before[index], site);
    return Promise.resolve();
  },
  verify: async (step, site) => {
    const problem = await findDifference(step, site);
    const measured: Record<string, string> = {};
    for (const [index, { from, to }] of step.files.entries()) {
      // Without a difference the host's file is the release's; it was read a moment ago.
      const isOwn = problem === null && !isKept(index, site);
      const path = isOwn ? join(site.releaseFolder, from) : site.places.on(to);
      const note = isKept(index, site) ? ' (edited, kept)' : '';
      measured[`file:${to}`] = `sha256:${(await hashFile(path)) ?? 'absent'}${note}`;
    }
    return { problem, measured };
  },
  undo: (step, site) => {
    const before = Before.parse(site.before);
    for (const [index, file] of [...step.files.entries()].reverse()) {
      const earlier = before[index];
      if (earlier !== undefined) putBack(earlier, site.places.on(file.to), site);
    }
    return Promise.resolve();
  },
  settle: nothingToSettle,
  probe: (step, site) => Promise.resolve(probe(step, site)),
};

async function findDifference(step: FilesStep, site: StepSite): Promise<string | null> {
  for (const [index, file] of step.files.entries()) {
    const path = site.places.on(file.to);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) return `${file.to} is ${found === undefined ? 'missing' : 'not a plain file'}`;
    // It is its administrator's.
    if (isKept(index, site)) continue;
    const wanted = { mode: parseInt(file.mode, 8), uid: uidOf(file, site), gid: gidOf(file, site) };
    const mode = found.mode & PERMISSIONS;
    if (mode !== wanted.mode) return `${file.to} has mode ${mode.toString(8)}, expected ${file.mode}`;
    if (found.uid !== wanted.uid || found.gid !== wanted.gid)
      return `${file.to} is not owned by ${file.owner}:${file.group}`;
    const [is, should] = [await hashFile(path), await hashFile(join(site.releaseFolder, file.from))];
    if (is !== should) return `${file.to} has other content than the release's ${file.from}`;
  }
  return null;
}

function capture(file: File, site: StepSite, index: number): z.infer<typeof Earlier> & Json {
  const path = site.places.on(file.to);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return { kind: 'absent', folders: missingFolders(path) };
  if (found.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) };
  if (!found.isFile()) throw new Error(`${file.to} is there and is no file: it can't be replaced; remove it first`);
  const saved = String(index);
  writeSynced(join(site.undoFolder, saved), readFileSync(path), 0o600);
  return { kind: 'file', saved, ...attributes(found), ...merge(file, site) };
}

/** Decided once, before anything is changed, so that a kill in the middle changes no mind. */
function merge(file: File, site: StepSite): { isKept: boolean; beside: string | null } {
  const fate = fateOf(file, site);
  switch (fate) {
    case 'question':
      throw new Error(questionOf([file], site) ?? `${file.to} was edited`);
    case 'keep':
      return { isKept: true, beside: null };
    case 'keepAndBring':
      return { isKept: true, beside: freeNameBeside(file.to, 'new', site) };
    case 'replaceAndSave':
      return { isKept: false, beside: freeNameBeside(file.to, 'edited', site) };
    case 'replace':
      return { isKept: false, beside: null };
  }
}

/** What was captured; nothing before that. */
const earlierOf = ({ before }: StepSite): readonly Earlier[] => (before === null ? [] : Before.parse(before));

function isKept(index: number, site: StepSite): boolean {
  const before = earlierOf(site)[index];
  return before?.kind === 'file' && before.isKept;
}

const attributes = (found: Stats): { mode: number; uid: number; gid: number; mtimeMs: number } => ({
  mode: found.mode & PERMISSIONS,
  uid: found.uid,
  gid: found.gid,
  mtimeMs: found.mtimeMs,
});

/** Outermost first. */
function missingFolders(path: string): string[] {
  const folder = dirname(path);
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) return [];
  return [...missingFolders(folder), folder];
}

function bring(file: File, earlier: Earlier | undefined, site: StepSite): void {
  if (earlier?.kind !== 'file' || earlier.beside === null) {
    if (earlier?.kind !== 'file' || !earlier.isKept) place(file, file.to, site);
    return;
  }
  if (earlier.isKept) {
    place(file, earlier.beside, site);
    return;
  }
  // Somebody's work is beside the new file before that takes its place.
  copySaved(earlier, site.places.on(earlier.beside), site);
  place(file, file.to, site);
}

/** Puts the release's file there, or beside where it belongs. */
function place(file: File, to: string, site: StepSite): void {
  const content = readFileSync(join(site.releaseFolder, file.from));
  const owner = { uid: uidOf(file, site), gid: gidOf(file, site) };
  replaceFile(site.places.on(to), (partial) => {
    writeSynced(partial, content, parseInt(file.mode, 8));
    own(partial, owner, parseInt(file.mode, 8));
  });
}

function putBack(earlier: Earlier, path: string, site: StepSite): void {
  switch (earlier.kind) {
    case 'absent':
      rmSync(path, { force: true });
      for (const folder of earlier.folders.toReversed()) removeIfEmpty(folder);
      return;
    case 'link':
      replaceFile(path, (partial) => symlinkSync(earlier.target, partial));
      return;
    case 'file':
      if (earlier.beside !== null) rmSync(site.places.on(earlier.beside), { force: true });
      if (!earlier.isKept) copySaved(earlier, path, site);
  }
}

function copySaved(earlier: Extract<Earlier, { kind: 'file' }>, path: string, site: StepSite): void {
  replaceFile(path, (partial) => {
    writeSynced(partial, readFileSync(join(site.undoFolder, earlier.saved)), earlier.mode);
    own(partial, earlier, earlier.mode);
    lutimesSync(partial, earlier.mtimeMs / 1000, earlier.mtimeMs / 1000);
  });
}

/** Somebody else's file may have come into a folder since: then it stays. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
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
