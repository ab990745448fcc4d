import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

/** A hundred MB are unpacked, and packed, in seconds; ms. */
const PACK_TIMEOUT_MS = 180_000;

export type Repacked = {
  readonly source: string;
  readonly to: string;
  /** Of the version, what follows the source's own. */
  readonly mark: string;
  /** Changes the package's files, DEBIAN's among them. */
  readonly edit: (tree: string) => Promise<void>;
};

/** A Debian package once more, with another version and other files. */
export async function repack({ source, to, mark, edit }: Repacked): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'refit-repack-'));
  const options = { timeout: PACK_TIMEOUT_MS };
  try {
    await execa('dpkg-deb', ['--raw-extract', source, tree], options);
    await edit(tree);
    const control = join(tree, 'DEBIAN/control');
    const text = await readFile(control, 'utf8');
    await writeFile(control, text.replace(/^Version: .*$/m, `$&${mark}`));
    await writeDigests(tree);
    await mkdir(dirname(to), { recursive: true });
    // An emulated host takes long to unpack what is packed well.
    await execa('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, to], options);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** dpkg compares what it installed with these. */
async function writeDigests(tree: string): Promise<void> {
  const find = 'find . -path ./DEBIAN -prune -o -type f -printf "%P\\0" | sort -z | xargs -0 md5sum';
  const { stdout } = await execa('sh', ['-c', find], { cwd: tree, timeout: PACK_TIMEOUT_MS });
  await writeFile(join(tree, 'DEBIAN/md5sums'), `${stdout}\n`);
}
