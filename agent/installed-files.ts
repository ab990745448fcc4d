import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { InstalledRelease } from '../model/bus.ts';
import type { Places } from './places.ts';

/** Just what is looked for: releases of other versions of refit may say more. */
const ReleaseWithFiles = z.object({
  contents: z.array(z.object({ path: z.string(), sha256: z.string() })),
  host: z.object({
    steps: z.array(
      z.looseObject({ files: z.array(z.object({ from: z.string(), to: z.string() })).optional() }).catch({}),
    ),
  }),
});

/** Hash of what a release puts at each place, by its own word; empty: there is none, or it is not on this disk any more. */
export function filesOfInstalled(places: Places, installed: InstalledRelease | null): ReadonlyMap<string, string> {
  const path = installed === null ? null : join(places.release(installed.digest), 'release.json');
  if (path === null || !existsSync(path)) return new Map();
  const parsed = ReleaseWithFiles.safeParse(toJson(readFileSync(path, 'utf8')));
  if (!parsed.success) return new Map();
  const { contents, host } = parsed.data;
  const hashes = new Map(contents.map((file) => [file.path, file.sha256]));
  const files = host.steps.flatMap((step) => step.files ?? []);
  return new Map(
    files.flatMap(({ from, to }) => {
      const hash = hashes.get(from);
      return hash === undefined ? [] : [[to, hash] as const];
    }),
  );
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A damaged release says nothing; whoever installs it is told so.
    return null;
  }
}
