import { realpath, stat } from 'node:fs/promises';
import { join, normalize, posix, relative } from 'node:path';
import { digestHex } from '../../model/ids.ts';
import type { Package } from '../../model/release.ts';
import { sha256File } from '../oci/blob.ts';
import type { Problem } from '../yaml-document.ts';
import { readDebianPackage, readKernel } from './debian-package.ts';
import type { NamedFile } from './named-files.ts';

/** The files that a release carries, by the path under which its manifest names them. */
export type Payload = {
  readonly files: ReadonlyMap<string, PayloadFile>;
  readonly packages: ReadonlyMap<string, Package>;
  /** Of a kernel's package, what `uname -r` says once it runs; by the package's path. */
  readonly kernels: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
};

export type PayloadFile = {
  /** Where the bytes lie now. */
  readonly source: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly executable: boolean;
};

/** The build writes this one itself. */
const RESERVED = 'release.json';

export async function readPayload(folder: string, named: readonly NamedFile[]): Promise<Payload> {
  const files = new Map<string, PayloadFile>();
  const packages = new Map<string, Package>();
  const kernels = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { path, file, type } of named) {
    const found = await readFileOf(folder, file);
    if (typeof found === 'string') {
      problems.push({ path, message: found });
      continue;
    }
    files.set(payloadPath(file), found);
    if (type === 'file') continue;
    const read = await readDebianPackage(found.source, payloadPath(file));
    if ('problem' in read) problems.push({ path, message: read.problem });
    else problems.push(...sameName(packages, read, path));
    if ('name' in read) packages.set(read.file, read);
    if (type !== 'kernel' || 'problem' in read) continue;
    const kernel = await readKernel(found.source, read.file);
    if (typeof kernel === 'string') kernels.set(read.file, kernel);
    else problems.push({ path, message: kernel.problem });
  }
  return { files, packages, kernels, problems };
}

/** One spelling of a path, since `./a` and `a` are the same file. */
export const payloadPath = (file: string): string => posix.normalize(file);

function sameName(packages: ReadonlyMap<string, Package>, read: Package, path: Problem['path']): readonly Problem[] {
  const other = [...packages.values()].find(({ name, file }) => name === read.name && file !== read.file);
  const message = `the package ${read.name} is in ${other?.file ?? ''} already; a release installs one version of it`;
  return other === undefined ? [] : [{ path, message }];
}

/** The file, or what is wrong with it. */
async function readFileOf(folder: string, file: string): Promise<PayloadFile | string> {
  const root = await realpath(folder);
  if (normalize(file) === RESERVED) return `${RESERVED} is written by the build; give the file another name`;
  const real = await realpath(join(root, file)).catch(() => null);
  if (real === null) return `expected the file ${file} in the release's folder, got nothing there`;
  if (isOutside(root, real)) return `expected a file in the release's folder, got a link to ${real}`;
  const info = await stat(real);
  if (!info.isFile()) return `expected a file, got ${info.isDirectory() ? 'a folder' : 'something else'} at ${file}`;
  const { digest, sizeBytes } = await sha256File(real);
  return { source: real, sha256: digestHex(digest), sizeBytes, executable: (info.mode & 0o100) !== 0 };
}

const isOutside = (root: string, path: string): boolean => /^\.\.(\/|$)/.test(relative(root, path));
