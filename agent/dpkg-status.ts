import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type PackageStatus = {
  /** dpkg's three words, such as `install ok installed`. */
  readonly status: string;
  readonly version: string;
  readonly architecture: string;
};

/** What `isInstalled` tells apart. */
type InstalledPackage = PackageStatus & { readonly status: `${string} ok installed` };

/** leftover: removed, its configuration kept; broken: neither there nor gone, as a run of dpkg that was cut off leaves it. */
export type PackageState = 'installed' | 'leftover' | 'absent' | 'broken';
const STATES: Readonly<Record<string, PackageState>> = {
  'ok installed': 'installed',
  'ok config-files': 'leftover',
  'ok not-installed': 'absent',
};

/** The Docker Engine's own package, as Debian, Docker and others call it; a host has one of them at most. */
export const ENGINE_PACKAGES = ['docker.io', 'docker-ce', 'moby-engine'];

/** dpkg's own database, read as it is: a call to dpkg-query costs more than the whole of a step that has nothing to do. */
export function readPackages(root: string, names: ReadonlySet<string>): ReadonlyMap<string, PackageStatus> {
  const found = new Map<string, PackageStatus>();
  for (const paragraph of readStatus(root).split('\n\n')) {
    const name = fieldOf(paragraph, 'Package');
    if (!names.has(name)) continue;
    const [status, version, architecture] = ['Status', 'Version', 'Architecture'].map((one) => fieldOf(paragraph, one));
    found.set(name, { status: status ?? '', version: version ?? '', architecture: architecture ?? '' });
  }
  return found;
}

export const isInstalled = (status: PackageStatus | undefined): status is InstalledPackage =>
  stateOf(status) === 'installed';

/** dpkg's first word is what an operator wants of a package; how it is stands behind it. */
export const stateOf = (status: PackageStatus | undefined): PackageState =>
  status === undefined ? 'absent' : (STATES[status.status.replace(/^\S+ /, '')] ?? 'broken');

export const isHeld = (status: PackageStatus | undefined): boolean => status?.status.startsWith('hold ') === true;

function readStatus(root: string): string {
  try {
    return readFileSync(join(root, '/var/lib/dpkg/status'), 'utf8');
  } catch (error) {
    // A host without dpkg has no packages; a step that installs some fails by its own words.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

function fieldOf(paragraph: string, name: string): string {
  const at = paragraph.startsWith(`${name}: `) ? 0 : paragraph.indexOf(`\n${name}: `) + 1;
  if (at === 0 && !paragraph.startsWith(`${name}: `)) return '';
  const end = paragraph.indexOf('\n', at);
  return paragraph.slice(at + name.length + 2, end === -1 ? undefined : end).trim();
}
