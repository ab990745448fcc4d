import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header, type Pack } from 'tar-stream';

/** A file of a layer; `path` is absolute in the container. */
export type TarFile = { readonly path: string; readonly executable: boolean; readonly source: TarSource };
export type TarSource =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** `sha256`: hexadecimal; packing fails when the file has become another one since it was read. */
  | { readonly type: 'file'; readonly file: string; readonly sizeBytes: number; readonly sha256: string | null };
/** A folder that is there even when it is empty. */
export type TarFolder = { readonly path: string; readonly mode: number };

export type TarContents = { readonly files: readonly TarFile[]; readonly folders?: readonly TarFolder[] };

/**
 * A tar stream that is the same for the same contents, on any machine: sorted by path, owned by root, dated 1970,
 * modes only 0755 or 0644, every parent folder named once.
 */
export async function* packTar(contents: TarContents): AsyncGenerator<Uint8Array> {
  const tar = pack();
  void fill(tar, contents).catch((error: unknown) => tar.destroy(toError(error)));
  for await (const chunk of tar) if (chunk instanceof Uint8Array) yield chunk;
}

/** The files of a small tar, by path; the caller has bounded its size. */
export async function unpackTar(bytes: Uint8Array): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const tar = extract();
  tar.end(bytes);
  for await (const entry of tar) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
    if (entry.header.type === 'file') files.set(posix.join('/', entry.header.name), Buffer.concat(chunks));
  }
  return files;
}

async function fill(tar: Pack, contents: TarContents): Promise<void> {
  const files = new Map(contents.files.map((file) => [file.path, file]));
  const folders = new Map(foldersOf(contents).map((folder) => [folder.path, folder]));
  for (const path of [...folders.keys(), ...files.keys()].sort(byBytes)) {
    const file = files.get(path);
    if (file !== undefined) await addFile(tar, file);
    else addFolder(tar, folders.get(path) ?? { path, mode: 0o755 });
  }
  tar.finalize();
}

function foldersOf(contents: TarContents): readonly TarFolder[] {
  const named = contents.folders ?? [];
  const parents = [...contents.files, ...named].flatMap((entry) => parentsOf(entry.path));
  return [...[...new Set(parents)].map((path) => ({ path, mode: 0o755 })), ...named];
}

function parentsOf(path: string): readonly string[] {
  const parent = posix.dirname(path);
  return parent === '/' ? [] : [...parentsOf(parent), parent];
}

function addFolder(tar: Pack, folder: TarFolder): void {
  tar.entry({ ...header(`${folder.path}/`), type: 'directory', mode: folder.mode });
}

async function addFile(tar: Pack, file: TarFile): Promise<void> {
  const { source } = file;
  const entry = { ...header(file.path), type: 'file' as const, mode: file.executable ? 0o755 : 0o644 };
  if (source.type === 'bytes') {
    tar.entry({ ...entry, size: source.bytes.length }, Buffer.from(source.bytes));
    return;
  }
  const hash = createHash('sha256');
  await pipeline(
    createReadStream(source.file),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    tar.entry({ ...entry, size: source.sizeBytes }),
  );
  if (source.sha256 !== null && hash.digest('hex') !== source.sha256) throw new Error(changed(source.file));
}

const header = (path: string): Pick<Header, 'name' | 'mtime' | 'uid' | 'gid'> => ({
  name: path.slice(1),
  mtime: new Date(0),
  uid: 0,
  gid: 0,
});

const changed = (file: string): string => `${file} changed while the image was built; build it again`;

/** By code unit, since a locale's order differs from machine to machine. */
const byBytes = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
