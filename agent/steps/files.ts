import {
  chownSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { FilesStep } from '../../model/release.ts';
import { freeSpace } from '../disk-space.ts';
import { syncFolder, writeSynced } from '../durable.ts';
import { hashFile } from '../releases.ts';
import type { Json } from '../ports.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';
import { idOf } from './owners.ts';

type File = FilesStep['files'][number];

/** What stood at a file's place. `saved`: its copy in the undo folder; `folders`: those that have to be made for it. */
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
    for (const file of step.files) place(file, site);
    return Promise.resolve();
  },
  verify: async (step, site) => {
    const problem = await findDifference(step, site);
    const measured: Record<string, string> = {};
    for (const { from, to } of step.files) {
      // Without a difference the host's file is the release's; it was read a moment ago.
      const path = problem === null ? join(site.releaseFolder, from) : site.places.on(to);
      measured[`file:${to}`] = `sha256:${(await hashFile(path)) ?? 'absent'}`;
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
  for (const file of step.files) {
    const path = site.places.on(file.to);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) return `${file.to} is ${found === undefined ? 'missing' : 'not a plain file'}`;
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
  return { kind: 'file', saved, ...attributes(found) };
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

function place(file: File, site: StepSite): void {
  const content = readFileSync(join(site.releaseFolder, file.from));
  const owner = { uid: uidOf(file, site), gid: gidOf(file, site) };
  replace(site.places.on(file.to), (partial) => {
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
      replace(path, (partial) => symlinkSync(earlier.target, partial));
      return;
    case 'file':
      replace(path, (partial) => {
        writeSynced(partial, readFileSync(join(site.undoFolder, earlier.saved)), earlier.mode);
        own(partial, earlier, earlier.mode);
        lutimesSync(partial, earlier.mtimeMs / 1000, earlier.mtimeMs / 1000);
      });
  }
}

/** Written beside its place and renamed over it: whoever reads sees the old or the new, whole. */
function replace(path: string, write: (partial: string) => void): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const partial = join(folder, `.${basename(path)}.refit-partial`);
  try {
    rmSync(partial, { force: true });
    write(partial);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  syncFolder(folder);
}

/** A change of owner clears the set-user bits, so the mode comes after it. */
function own(path: string, owner: { uid: number; gid: number }, mode: number): void {
  chownSync(path, owner.uid, owner.gid);
  const file = openSync(path, 'r+');
  try {
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
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
