import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildPackage } from './debian-package.ts';
import { fill } from './template.ts';

/** The two releases that the demo goes between. */
export const FIRST_VERSION = '1.0.0';
export const NEXT_VERSION = '2.0.0';

/** Packages that every release of the sample platform brings. */
export const samplePackages = ['sample-cli', 'sample-daemon'] as const;

export type SampleOptions = {
  /** The first version has no restart in it; every other one has. */
  readonly version: string;
  /** Where the release's folder is made; what is there is replaced. */
  readonly dir: string;
  /** The name server's image by digest: `registry.lab:5000/sample-dns@sha256:…`. */
  readonly dnsImage: string;
  /** The web server's, likewise. */
  readonly webImage: string;
  /** Last change to release.yaml, for a release that is to fail in a certain way. */
  readonly edit?: (manifest: string) => string;
};

/** Writes a release of the sample platform as its authors would: release.yaml, Debian packages, a configuration file. */
export async function writeSample(options: SampleOptions): Promise<void> {
  const { version, dir, dnsImage, webImage, edit = (manifest: string): string => manifest } = options;
  const values = { VERSION: version, DNS_IMAGE: dnsImage, WEB_IMAGE: webImage };
  const template = version === FIRST_VERSION ? 'first.yaml' : 'next.yaml';
  await rm(dir, { recursive: true, force: true });
  await mkdir(join(dir, 'packages'), { recursive: true });
  await Promise.all([
    fillFile(`release/files/platform.conf`, join(dir, 'files/platform.conf'), values),
    ...samplePackages.map((name) =>
      buildPackage({ source: join(import.meta.dirname, 'packages', name), into: join(dir, 'packages'), name, version }),
    ),
  ]);
  const manifest = fill(await readFile(join(import.meta.dirname, 'release', template), 'utf8'), values);
  await writeFile(join(dir, 'release.yaml'), edit(manifest));
}

async function fillFile(from: string, to: string, values: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await writeFile(to, fill(await readFile(join(import.meta.dirname, from), 'utf8'), values), { mode: 0o644 });
}
