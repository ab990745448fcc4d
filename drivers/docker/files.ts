import { posix } from 'node:path';
import { pack, type Pack } from 'tar-stream';
import { EngineError, type ContainerFile } from '../../model/engine.ts';
import { ASK_MS, type Site } from './replacement/site.ts';

/** Longest that writing takes; ms. */
const PUT_MS = 60_000;
/** All files of one container; bytes. They are in this process's memory twice for a moment. */
const MAX_BYTES = 64 * 1024 ** 2;
/** Largest number that six octal digits of a tar's header hold; the library writes greater ones as it. */
const MAX_USTAR_ID = 0o777_777;
/** Makes a mode of nobody's a number that is not 0: the library takes that for none given. */
const REGULAR_FILE = 0o100_000;
/** Of folders that are made on the way, which belong to root. */
const FOLDER_MODE = 0o755;

/**
 * Writes the files into a container.
 *
 * 1. All of them in one request; an engine needs no running container for it, and sees its volumes.
 * 2. Folders that are there keep their mode and owner: only those that are missing are named. An engine before 23.0 would make
 *    them itself, but writable by everyone.
 * 3. A folder in a file's place is refused, and not replaced.
 */
export async function putFiles(site: Site, files: readonly ContainerFile[]): Promise<void> {
  const { connection, container, signal } = site;
  if (files.length === 0) return;
  for (const file of files) check(file);
  const what = `put ${files.map(({ to }) => to).join(', ')} into ${container}`;
  const sizeBytes = files.reduce((sum, { content }) => sum + content.byteLength, 0);
  if (sizeBytes > MAX_BYTES) throw connection.error('refused', `${sizeBytes} bytes are more than ${MAX_BYTES}`, what);
  const tar = await toTar(await missingFolders(site, files), files);
  const query = { path: '/', noOverwriteDirNonDir: 'true' };
  const path = `/containers/${container}/archive`;
  await connection.ask({ what, method: 'PUT', path, query, tar, withinMs: PUT_MS, signal });
}

const MODE = /^0?[0-7]{3,4}$/;

function check({ to, mode }: ContainerFile): void {
  if (!to.startsWith('/') || to.endsWith('/') || posix.normalize(to) !== to)
    throw new RangeError(`expected a file's absolute path in a container, got "${to}"`);
  if (!MODE.test(mode)) throw new RangeError(`expected an octal mode such as 0400 for ${to}, got "${mode}"`);
}

/** Those above come first. */
async function missingFolders(site: Site, files: readonly ContainerFile[]): Promise<readonly string[]> {
  const missing = new Set<string>();
  const above = new Set(files.flatMap(({ to }) => foldersAbove(to)));
  for (const folder of [...above].sort((a, b) => a.length - b.length)) {
    if (missing.has(posix.dirname(folder)) || !(await isThere(site, folder))) missing.add(folder);
  }
  return [...missing];
}

function foldersAbove(path: string): readonly string[] {
  const parent = posix.dirname(path);
  return parent === '/' ? [] : [...foldersAbove(parent), parent];
}

async function isThere({ connection, container, signal }: Site, path: string): Promise<boolean> {
  const what = `look for ${path} in ${container}`;
  const request = { what, method: 'HEAD', path: `/containers/${container}/archive`, query: { path } } as const;
  try {
    await connection.ask({ ...request, withinMs: ASK_MS, signal });
    return true;
  } catch (error) {
    // A container that is gone says the same; the next request then names it.
    if (error instanceof EngineError && error.kind === 'notFound') return false;
    throw error;
  }
}

async function toTar(folders: readonly string[], files: readonly ContainerFile[]): Promise<Buffer> {
  const tar = pack();
  for (const folder of folders) tar.entry({ name: `${folder.slice(1)}/`, type: 'directory', mode: FOLDER_MODE });
  for (const file of files) addFile(tar, file);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function addFile(tar: Pack, { to, content, mode, uid, gid }: ContainerFile): void {
  const isLarge = uid > MAX_USTAR_ID || gid > MAX_USTAR_ID;
  const entry = {
    ...{ name: to.slice(1), type: 'file' as const, mode: REGULAR_FILE | Number.parseInt(mode, 8), uid, gid },
    // The library's types don't know this field.
    ...(isLarge ? { pax: { uid: String(uid), gid: String(gid) } } : {}),
  };
  tar.entry(entry, Buffer.from(content));
}
