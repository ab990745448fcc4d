import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { fill } from './template.ts';

/** The time that every file in a package carries, so that the same sources give the same bytes; s since the epoch. */
const PACKAGE_TIME_S = 1_700_000_000;
/** dpkg-deb packs a handful of small files; far longer means that the disk is stuck; ms. */
const BUILD_TIMEOUT_MS = 60_000;

export type PackageSource = {
  /** A folder as dpkg-deb takes it: DEBIAN/control and the package's files. */
  readonly source: string;
  readonly into: string;
  readonly name: string;
  readonly version: string;
};

/** Builds a Debian package with dpkg-deb; returns its path. */
export async function buildPackage(options: PackageSource): Promise<string> {
  const { source, into, name, version } = options;
  const tree = await mkdtemp(join(tmpdir(), `refit-${name}-`));
  try {
    await copyFilled(source, tree, { VERSION: version });
    const file = join(into, `${name}_${version}_all.deb`);
    // gzip, because xz spreads the work over as many threads as the machine has, and the bytes show it.
    await execa('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, file], {
      env: { SOURCE_DATE_EPOCH: `${PACKAGE_TIME_S}` },
      timeout: BUILD_TIMEOUT_MS,
    });
    return file;
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** Modes are set here, because a checkout's depend on its umask; what lies in a folder for programs may be run. */
async function copyFilled(from: string, to: string, values: Readonly<Record<string, string>>): Promise<void> {
  await chmod(to, 0o755);
  const names = await readdir(from, { recursive: true });
  for (const name of names.sort()) {
    const source = join(from, name);
    const target = join(to, name);
    if ((await stat(source)).isDirectory()) {
      await mkdir(target, { recursive: true });
      await chmod(target, 0o755);
    } else {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, fill(await readFile(source, 'utf8'), values));
      await chmod(target, isProgram(name) ? 0o755 : 0o644);
    }
  }
}

function isProgram(name: string): boolean {
  return /^usr\/(bin|lib)\//.test(name);
}
