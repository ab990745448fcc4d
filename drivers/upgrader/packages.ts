import { readdir, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';

/** A file of a package, by its path below the checkout, such as `node_modules/pino/pino.js`. */
export type PackageFile = { readonly path: string; readonly file: string };

export type PackageChoice = {
  /** Not followed: the programs never use them in the image. */
  readonly without: readonly string[];
  /** Packages of which only some files or folders are taken, by their paths within. */
  readonly parts: Readonly<Record<string, readonly string[]>>;
};

/** Packages that one names, and those that these name, and so on: a bound against going in circles. */
const MAX_PACKAGES = 2_000;

/** Types, maps and pages run nowhere. */
const NOT_RUN = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|flow|rs)$/i;

const Manifest = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  peerDependencies: z.record(z.string(), z.string()).default({}),
  peerDependenciesMeta: z.record(z.string(), z.object({ optional: z.boolean().default(false) })).default({}),
});

/** Every file that the packages need to run, theirs and those of what they depend on, as npm has installed them. */
export async function packageFiles(
  checkout: string,
  names: readonly string[],
  { without, parts }: PackageChoice,
): Promise<readonly PackageFile[]> {
  const folders = new Set<string>();
  const open = names.map((name) => ({ name, from: checkout }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (without.includes(next.name)) continue;
    const folder = installedFolder(next.name, next.from);
    if (folders.has(folder)) continue;
    if (folders.size === MAX_PACKAGES) throw new Error(`expected at most ${MAX_PACKAGES} packages in the image`);
    folders.add(folder);
    open.push(...(await neededBy(folder)).map((name) => ({ name, from: folder })));
  }
  const files = await Promise.all([...folders].map((folder) => filesOf(folder, partsOf(folder, parts))));
  return files.flat().map((file) => ({ path: relative(checkout, file), file }));
}

/** As Node.js looks for it: in the nearest node_modules on the way up. */
function installedFolder(name: string, from: string): string {
  for (let current = from; ; current = dirname(current)) {
    const folder = join(current, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (current === dirname(current))
      throw new Error(`package ${name}, needed by ${from}, is not installed; run npm ci`);
  }
}

/** Optional ones are left out: what has any runs without it. */
async function neededBy(folder: string): Promise<readonly string[]> {
  const manifest = Manifest.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
  const peers = Object.keys(manifest.peerDependencies);
  const needed = peers.filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true);
  return [...Object.keys(manifest.dependencies), ...needed];
}

const partsOf = (folder: string, parts: PackageChoice['parts']): readonly string[] =>
  Object.entries(parts).find(([name]) => folder.endsWith(join('node_modules', name)))?.[1] ?? ['.'];

async function filesOf(folder: string, parts: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(parts.map((part) => filesBelow(join(folder, part))));
  return found.flat().filter((file) => !NOT_RUN.test(file));
}

/** Packages below a package are packages of their own. */
async function filesBelow(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return null;
    throw error;
  });
  if (entries === null) return [path];
  const found = await Promise.all(
    entries.map(async (entry): Promise<readonly string[]> => {
      const inside = join(path, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(inside);
      return entry.isFile() ? [inside] : [];
    }),
  );
  return found.flat();
}
