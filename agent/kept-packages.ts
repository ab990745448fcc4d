import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Places } from './places.ts';
import type { PackageStatus } from './dpkg-status.ts';

/** Just what is looked for: releases of other versions of refit may say more. */
const ReleaseWithPackages = z.object({
  host: z.object({
    steps: z.array(
      z.looseObject({
        packages: z.array(z.object({ file: z.string(), name: z.string(), version: z.string() })).optional(),
      }),
    ),
  }),
});

export type KeptPackage = { readonly name: string; readonly version: string; readonly path: string };

/** Packages' files in the releases on the host's disk. */
export function packagesInReleases(places: Places): readonly KeptPackage[] {
  if (!existsSync(places.releases)) return [];
  return readdirSync(places.releases)
    .map((name) => join(places.releases, name))
    .filter((folder) => !folder.endsWith('.partial') && existsSync(join(folder, 'release.json')))
    .flatMap((folder) => packagesOf(folder));
}

/** Where the file of an installed package's version lies; null: refit could not bring it back. */
export function findKeptPackage(places: Places, name: string, status: PackageStatus): string | null {
  const inRelease = packagesInReleases(places).find((kept) => kept.name === name && kept.version === status.version);
  const apt = join(places.on('/var/cache/apt/archives'), aptName(name, status));
  const paths = [...(inRelease === undefined ? [] : [inRelease.path]), apt];
  return paths.find((path) => existsSync(path)) ?? null;
}

function packagesOf(folder: string): readonly KeptPackage[] {
  const parsed = ReleaseWithPackages.safeParse(readJson(join(folder, 'release.json')));
  const steps = parsed.success ? parsed.data.host.steps : [];
  return steps
    .flatMap(({ packages }) => packages ?? [])
    .map(({ file, name, version }) => ({ name, version, path: join(folder, file) }));
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // A damaged release keeps nothing; whoever installs it is told so.
    return null;
  }
}

/** apt writes a version's epoch with an escaped colon. */
const aptName = (name: string, { version, architecture }: PackageStatus): string =>
  `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`;
