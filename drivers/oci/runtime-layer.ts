import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { digestHex } from '../../model/ids.ts';
import { sha256, sha256File } from './blob.ts';
import type { Layer } from './layer.ts';
import { cachedLayer } from './layer-cache.ts';
import type { TarFile } from './tar.ts';

/** Starts a script on a host or in an empty image: brings its own loader, so it needs nothing of that system's libc. */
export const runtimeCommand = [
  '/refit/runtime/ld.so',
  '--library-path',
  '/refit/runtime/lib',
  '/refit/runtime/node',
] as const;

/** glibc before 2.34 loads these only when a name is looked up, so `ldd` doesn't list them. */
const LOADED_LATER = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

/** ldd answers in milliseconds; a hanging one must not hang a build. */
const LDD_TIMEOUT_MS = 10_000;

/** The Node.js that runs this build with its shared libraries and loader; packed once per content, then cached. */
export async function runtimeLayer(cacheFolder?: string): Promise<Layer> {
  const files = await Promise.all((await runtimeFiles(await realpath(process.execPath))).map(toTarFile));
  return cachedLayer({
    name: 'runtime',
    // The first element is the version of this layout: raise it when the same files are packed differently.
    key: sha256(JSON.stringify(['runtime-layout-1', process.versions.zlib, files.map(identity)])),
    contents: { files, folders: [{ path: '/tmp', mode: 0o1777 }] },
    folder: cacheFolder,
  });
}

type Placed = { readonly path: string; readonly file: string };

async function runtimeFiles(node: string): Promise<readonly Placed[]> {
  const { loader, libraries } = await linkedFiles(node);
  const later = LOADED_LATER.map((name) => join(dirname(libraries[0] ?? loader), name)).filter(existsSync);
  return [
    { path: '/refit/runtime/node', file: node },
    { path: '/refit/runtime/ld.so', file: await realpath(loader) },
    ...[...new Set([...libraries, ...later])].map((file) => ({
      path: `/refit/runtime/lib/${basename(file)}`,
      file,
    })),
  ];
}

/** What a program or library is linked to. ldd's lines: `libm.so.6 => /lib/…/libm.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`, `linux-vdso.so.1 (0x…)`. */
export async function linkedFiles(
  node: string,
): Promise<{ readonly loader: string; readonly libraries: readonly string[] }> {
  const { stdout } = await promisify(execFile)('ldd', [node], { timeout: LDD_TIMEOUT_MS }).catch((cause: unknown) => {
    throw new Error(`expected ${node} to be a dynamically linked glibc program that ldd can read`, { cause });
  });
  const missing = /^\s*(\S+) => not found/m.exec(stdout);
  if (missing !== null) throw new Error(`${node} needs the library ${missing[1] ?? ''}, which ldd did not find`);
  const loader = /^\s*(\/\S*ld-linux\S*) \(/m.exec(stdout)?.[1];
  if (loader === undefined) throw new Error(`expected ldd to name glibc's loader for ${node}, got: ${stdout.trim()}`);
  const libraries = [...stdout.matchAll(/=> (\/\S+) \(/g)].flatMap((match) => match[1] ?? []);
  return { loader, libraries };
}

async function toTarFile({ path, file }: Placed): Promise<TarFile> {
  const { digest, sizeBytes } = await sha256File(file);
  return { path, executable: true, source: { type: 'file', file, sizeBytes, sha256: digestHex(digest) } };
}

const identity = ({ path, source }: TarFile): readonly (string | null)[] => [
  path,
  source.type === 'file' ? source.sha256 : null,
];
