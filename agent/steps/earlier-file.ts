import {
  lstatSync,
  lutimesSync,
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
import { replaceFile, writeSynced } from '../durable.ts';
import type { Json } from '../ports.ts';
import { hashFile, sha256 } from '../releases.ts';
import { placeBeside, type Fate } from './edited-file.ts';
import type { StepSite } from './kind.ts';
import { own, PERMISSIONS } from './plain-file.ts';

type File = FilesStep['files'][number];

/**
 * What stood at a file's place. `saved`: its copy in the undo folder; `folders`: those that have to be made for it; kept: it
 * stays there, since somebody edited it; `beside`: a file that is made beside it, with its own content, or with the release's
 * if it is kept.
 */
export const Earlier = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('absent'), folders: z.array(z.string()) }),
  z.object({ kind: z.literal('link'), target: z.string() }),
  z.object({
    kind: z.literal('file'),
    saved: z.string(),
    mode: z.number(),
    uid: z.number(),
    gid: z.number(),
    mtimeMs: z.number(),
    // Journals of before there was something to put beside it.
    beside: z.string().nullable().default(null),
  }),
  z.object({ kind: z.literal('kept'), beside: z.string().nullable() }),
]);
export type Earlier = z.infer<typeof Earlier>;
type EarlierFile = Extract<Earlier, { kind: 'file' }>;
const Before = z.array(Earlier);

/** By the step's files; empty until it was captured. */
export const beforeOf = ({ before }: StepSite): readonly Earlier[] => (before === null ? [] : Before.parse(before));

export type Capture = { readonly index: number; readonly fate: Fate; readonly site: StepSite };

export async function captureFile(
  file: Pick<File, 'from' | 'to'>,
  { index, fate, site }: Capture,
): Promise<Earlier & Json> {
  const path = site.places.on(file.to);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return { kind: 'absent', folders: missingFolders(path) };
  if (found.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) };
  if (!found.isFile()) throw new Error(`${file.to} is there and is no file: it can't be replaced; remove it first`);
  if (fate === 'kept') return { kind: 'kept', beside: null };
  if (fate === 'keptWithNew') {
    const hash = await hashFile(join(site.releaseFolder, file.from));
    return { kind: 'kept', beside: await placeBeside(file.to, 'new', { hash, site }) };
  }
  const [saved, content] = [String(index), readFileSync(path)];
  writeSynced(join(site.undoFolder, saved), content, 0o600);
  const beside = fate === 'replaced' ? await placeBeside(file.to, 'edited', { hash: sha256(content), site }) : null;
  return { kind: 'file', saved, ...attributes(found), beside };
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

export function putBack(earlier: Earlier, path: string, site: StepSite): void {
  switch (earlier.kind) {
    case 'absent':
      rmSync(path, { force: true });
      for (const folder of earlier.folders.toReversed()) removeIfEmpty(folder);
      return;
    case 'link':
      replaceFile(path, (partial) => symlinkSync(earlier.target, partial));
      return;
    case 'file':
      placeSaved(earlier, path, site);
      removeBeside(earlier.beside, site);
      return;
    case 'kept':
      removeBeside(earlier.beside, site);
  }
}

/** With content, mode, owner and time as they were. */
export function placeSaved(earlier: EarlierFile, path: string, site: StepSite): void {
  replaceFile(path, (partial) => {
    writeSynced(partial, readFileSync(join(site.undoFolder, earlier.saved)), earlier.mode);
    own(partial, earlier, earlier.mode);
    lutimesSync(partial, earlier.mtimeMs / 1000, earlier.mtimeMs / 1000);
  });
}

/** It was not there before the step: its name was chosen so. */
function removeBeside(beside: string | null, site: StepSite): void {
  if (beside !== null) rmSync(site.places.on(beside), { force: true });
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
