import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Package } from '../../model/release.ts';
import { imageArchitecture } from '../oci/image.ts';

/** dpkg-deb reads a few kB from the head of a file. */
const DPKG_DEB_TIMEOUT_MS = 30_000;

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
