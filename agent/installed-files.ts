import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { InstalledRelease } from '../model/bus.ts';
import type { IfEdited } from '../model/release.ts';
import type { Places } from './places.ts';

/** Just what is looked for: releases of other versions of refit may say more. */
const InstalledParts = z.object({
  contents: z.array(z.object({ path: z.string(), sha256: z.string() })),
  host: z.object({
    steps: z.array(
      z.looseObject({
        files: z
          .array(
            z.object({
              from: z.string(),
              to: z.string(),
              mode: z.string(),
              ifEdited: z.enum(['replace', 'keep', 'ask']).default('replace'),
            }),
          )
          .optional(),
        packages: z.array(z.object({ name: z.string(), version: z.string() })).optional(),
      }),
    ),
  }),
});

export type InstalledFile = {
  readonly to: string;
  readonly sha256: string;
  readonly mode: string;
  readonly ifEdited: IfEdited;
};
export type InstalledPackage = { readonly name: string; readonly version: string };

/** What an installed release put on the host, by its own word; null: it is not on the disk any more, or damaged. */
export function readInstalledParts(
  places: Places,
  { digest }: Pick<InstalledRelease, 'digest'>,
): { readonly files: readonly InstalledFile[]; readonly packages: readonly InstalledPackage[] } | null {
  const path = join(places.release(digest), 'release.json');
  if (!existsSync(path)) return null;
  const parsed = InstalledParts.safeParse(toJson(readFileSync(path, 'utf8')));
  if (!parsed.success) return null;
  const { contents, host } = parsed.data;
  const digests = new Map(contents.map(({ path: file, sha256 }) => [file, sha256]));
  const files = host.steps.flatMap((step) => step.files ?? []);
  return {
    files: files.flatMap(({ from, ...file }) => {
      const sha256 = digests.get(from);
      return sha256 === undefined ? [] : [{ ...file, sha256 }];
    }),
    packages: host.steps.flatMap((step) => step.packages ?? []),
  };
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A damaged release says nothing; whoever installs it is told so.
    return null;
  }
}
