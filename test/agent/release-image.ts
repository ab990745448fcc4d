import { join } from 'node:path';
import { sha256 } from '../../agent/releases.ts';
import { encodeRelease } from '../../drivers/release/release-json.ts';
import { parseDigest, type Digest } from '../../model/ids.ts';
import type { Release } from '../../model/release.ts';
import { release as releaseWith } from '../fakes/release.ts';
import { write } from './test-host.ts';

/** A release image's folders, and the digests that name it. */
export type ImageFolders = {
  readonly release: string;
  readonly refit: string;
  readonly digest: Digest;
  readonly contents: Digest;
};

/** Writes an image's folders under `folder`; its files are texts by path. */
export function makeReleaseImage(
  folder: string,
  files: Readonly<Record<string, string>>,
  changes: Partial<Release> & Pick<Release, 'name'>,
): ImageFolders {
  const { name, version = '1.0.0' } = changes;
  const place = join(folder, `${name}-${version}`);
  const contents = Object.entries(files).map(([path, text]) => ({
    path,
    sha256: sha256(text),
    sizeBytes: text.length,
  }));
  const json = encodeRelease(releaseWith({ version, upgradesFrom: [], contents, ...changes }));
  const release = join(place, 'release');
  for (const [path, text] of [...Object.entries(files), ['release.json', json] as const])
    write(join(release, path), text);
  const refit = join(place, 'refit');
  write(join(refit, 'agent/agent.cjs'), `agent of ${name}`);
  write(join(refit, 'runtime/node'), 'node');
  const digest = parseDigest(`sha256:${sha256(`${name} ${version}`)}`);
  return { release, refit, digest, contents: parseDigest(`sha256:${sha256(json)}`) };
}
