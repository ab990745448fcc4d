import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { folderWith } from './folder.ts';

/** A handful of small files; ms. */
const BUILD_TIMEOUT_MS = 30_000;

export type MadePackage = {
  readonly name: string;
  readonly version: string;
  readonly architecture?: string;
  readonly files?: readonly string[];
  /** Where each leads to, by its path. */
  readonly links?: Readonly<Record<string, string>>;
};

/** A package of Debian's, as the file. */
export async function buildPackage(file: string, made: MadePackage): Promise<void> {
  const { name, version, architecture = 'all', files = [], links = {} } = made;
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: nobody\nDescription: none\n`;
  const contents = Object.fromEntries(files.map((path) => [path, 'x']));
  await using tree = await folderWith({ 'DEBIAN/control': control, ...contents });
  for (const [path, to] of Object.entries(links)) await symlink(to, join(tree.path, path));
  await mkdir(dirname(file), { recursive: true });
  await execa('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree.path, file], { timeout: BUILD_TIMEOUT_MS });
}
