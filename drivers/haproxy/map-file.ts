import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ACTIVE_KEY } from '../../model/slot-balancer.ts';
import type { Slot } from '../../model/unit.ts';

/** Largest map file that is read; bytes. A unit's is one line, and may have an operator's own beside it. */
const MAX_BYTES = 64 * 1024;

const PERMISSIONS = 0o777;
const EVERYBODY_READS = 0o004;

type Owner = { readonly mode: number; readonly uid: number; readonly gid: number };

/** What the file says of the unit's active slot: its values in order, mostly one. */
export async function readActiveInFile(file: string): Promise<readonly string[]> {
  return (await readText(file))
    .split('\n')
    .filter(isActive)
    .map((line) => line.trim().split(/\s+/)[1] ?? '');
}

/**
 * Says in the file that the slot is active, on the disk when it returns: a HAProxy that starts at any moment reads the old
 * line or the new one, whole. Other lines stay. A link stays one, since the file it leads to is replaced.
 */
export async function writeActiveInFile(file: string, slot: Slot): Promise<void> {
  const real = await realpath(file);
  const text = withActive(await readText(real), slot);
  const owner = await readOwner(real);
  const partial = `${real}.${randomUUID()}.new`;
  try {
    await writeSynced(partial, text, owner);
    await rename(partial, real);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncFolder(dirname(real));
}

/** Why the file could not be replaced, for people; null: it could. */
export async function mapFileProblem(file: string): Promise<string | null> {
  try {
    const real = await realpath(file);
    await readText(real);
    await readOwner(real);
    await access(dirname(real), constants.W_OK);
    return null;
  } catch (error) {
    return whyNot(file, error);
  }
}

export const whyNot = (file: string, error: unknown): string =>
  `map file ${file} can't be read and replaced (${error instanceof Error ? error.message : String(error)}); ` +
  'it has to be there, and the worker has to be allowed to write in its folder';

const isActive = (line: string): boolean => line.trim().split(/\s+/)[0] === ACTIVE_KEY;

function withActive(text: string, slot: Slot): string {
  const others = text.split('\n').filter((line) => line.trim() !== '' && !isActive(line));
  return [`${ACTIVE_KEY} ${slot}`, ...others, ''].join('\n');
}

async function readText(file: string): Promise<string> {
  const found = await stat(file);
  if (!found.isFile()) throw new Error('it is no file');
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0);
    if (bytesRead > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** As readable for HAProxy as the file that it replaces. */
async function writeSynced(file: string, text: string, owner: Owner): Promise<void> {
  const handle = await open(file, 'wx', owner.mode & PERMISSIONS);
  try {
    await handle.writeFile(text);
    await keepOwner(handle, owner);
    await handle.chmod(owner.mode & PERMISSIONS);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An ordinary user can't give a file away, and a HAProxy that may not read it does not start. */
async function readOwner(file: string): Promise<Owner> {
  const owner = await stat(file);
  const own = process.getuid?.() ?? owner.uid;
  if (own === 0 || own === owner.uid || (owner.mode & EVERYBODY_READS) !== 0) return owner;
  throw new Error("it is another user's, and not everybody may read it; make it the worker's own, or chmod o+r");
}

/** An ordinary user's own file stays his; another's becomes his, and everybody may read it. */
async function keepOwner(handle: FileHandle, { uid, gid }: Owner): Promise<void> {
  try {
    await handle.chown(uid, gid);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) throw error;
  }
}

/** Without it the new name may be gone after a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
