import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Package } from '../../model/release.ts';
import { imageArchitecture } from '../oci/image.ts';

/** dpkg-deb reads a few kB from the head of a file. */
const DPKG_DEB_TIMEOUT_MS = 30_000;
/** A kernel's list is in a compressed archive of a hundred MB, with a line for each of its thousands of modules. */
const LIST_TIMEOUT_MS = 120_000;
const MAX_LIST_BYTES = 16 * 1024 ** 2;

/** A file, not a link to one; a name that is one of a kernel. */
const IMAGE_LINE = /^-.* \.?\/boot\/vmlinuz-([\w.+~-]+)$/gm;
/** Kernels that a problem names. */
const MAX_NAMED = 4;

/** What a .deb file says of itself. `file` is its path in the release. */
export async function readDebianPackage(source: string, file: string): Promise<Package | { readonly problem: string }> {
  const fields = await readFields(source);
  if (fields === null) return { problem: `expected a Debian package, got a file that dpkg-deb can't read: ${file}` };
  const [name = '', version = '', architecture = ''] = ['Package', 'Version', 'Architecture'].map(
    (field) => new RegExp(`^${field}: (.+)$`, 'm').exec(fields)?.[1],
  );
  if (![name, version, architecture].every((field) => field !== '')) {
    return { problem: `expected Package, Version and Architecture in ${file}, got "${fields.trim()}"` };
  }
  if (architecture !== 'all' && architecture !== debianArchitecture()) {
    return { problem: `expected a package for ${debianArchitecture()} or all, got one for ${architecture}: ${file}` };
  }
  return { file, name, version, architecture };
}

/** The kernel that a package brings, by its own image in /boot. `file`: its path in the release. */
export async function readKernel(source: string, file: string): Promise<string | { readonly problem: string }> {
  const contents = await readContents(source);
  if (contents === null)
    return { problem: `expected a Debian package, got one whose contents dpkg-deb can't read: ${file}` };
  const images = [...contents.matchAll(IMAGE_LINE)].flatMap(([, kernel]) => kernel ?? []);
  const [kernel] = images;
  if (kernel !== undefined && images.length === 1) return kernel;
  const found = images.length === 0 ? 'none' : images.slice(0, MAX_NAMED).join(' and ');
  const hint = 'take the package with the version in its name, such as linux-image-6.1.0-50-amd64';
  return { problem: `expected one kernel in /boot of ${file}, got ${found}; ${hint}` };
}

/** One line for each of its files, as tar lists them; null when they can't be read. */
async function readContents(source: string): Promise<string | null> {
  const options = { timeout: LIST_TIMEOUT_MS, maxBuffer: MAX_LIST_BYTES, env: { ...process.env, LC_ALL: 'C' } };
  try {
    const { stdout } = await promisify(execFile)('dpkg-deb', ['--contents', source], options);
    return stdout;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (typeof code === 'number') return null;
    throw new Error(`dpkg-deb --contents failed (reading ${source})`, { cause: error });
  }
}

/** The control fields' text; null when the file is no package. */
async function readFields(source: string): Promise<string | null> {
  try {
    const options = { timeout: DPKG_DEB_TIMEOUT_MS, env: { ...process.env, LC_ALL: 'C' } };
    const { stdout } = await promisify(execFile)(
      'dpkg-deb',
      ['-f', source, 'Package', 'Version', 'Architecture'],
      options,
    );
    return stdout;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (typeof code === 'number') return null;
    const hint = code === 'ENOENT' ? 'expected the program dpkg-deb; install the package dpkg' : 'dpkg-deb failed';
    throw new Error(`${hint} (reading ${source})`, { cause: error });
  }
}

/** Debian's names are the images' own, but for 32-bit arm and POWER. */
function debianArchitecture(): string {
  const name = imageArchitecture();
  return { arm: 'armhf', ppc64le: 'ppc64el' }[name] ?? name;
}
