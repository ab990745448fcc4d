import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix, resolve } from 'node:path';
import type { Digest } from '../../model/ids.ts';
import type { Release } from '../../model/release.ts';
import { sha256 } from '../oci/blob.ts';
import { buildImage, type BuiltImage } from '../oci/image.ts';
import { createLayer, type Layer } from '../oci/layer.ts';
import { runtimeCommand, runtimeLayer } from '../oci/runtime-layer.ts';
import type { TarFile } from '../oci/tar.ts';
import { MANIFEST_FILE, readReleaseFolder, type ReleaseSource } from './manifest.ts';
import { RELEASE_FILE, RELEASE_FOLDER, releaseLabels, releaseLayer } from './release-image.ts';
import { encodeRelease } from './release-json.ts';
import { toRelease } from './to-release.ts';

/** The agent's program and what it reads; paths are relative to /refit. */
export type AgentBundle = { readonly version: string; readonly files: ReadonlyMap<string, Uint8Array> };

export type BuiltRelease = BuiltImage & { readonly release: Release; readonly contents: Digest };

/**
 * Makes the image of the release that lies in `folder`.
 *
 * 1. The same folder gives the same digest, whenever and wherever it is built with the same Node and agent.
 * 2. Only files that the manifest names go in.
 * 3. A folder with faults throws ReleaseProblems; nothing is written then.
 */
export async function buildRelease(options: {
  readonly folder: string;
  /** Asked for once the folder is found to be right. */
  readonly agent: () => Promise<AgentBundle>;
  /** Folder of the OCI layout; absent: `.refit/releases/<name>-<version>` in the working folder. */
  readonly output?: string | undefined;
  readonly cacheFolder?: string | undefined;
}): Promise<BuiltRelease> {
  const source = await readReleaseFolder(options.folder);
  const release = toRelease(source);
  const json = encodeRelease(release);
  const contents = sha256(json);
  const work = await mkdtemp(join(tmpdir(), 'refit-release-'));
  try {
    const agent = await options.agent();
    const layers = await createLayers({ source, json, work, agent, cacheFolder: options.cacheFolder });
    const image = {
      layers,
      entrypoint: [...runtimeCommand, '/refit/agent/agent.cjs'],
      command: ['download'],
      labels: releaseLabels(release, contents, agent.version),
    };
    const layout = resolve(options.output ?? join('.refit', 'releases', `${release.name}-${release.version}`));
    return { ...(await buildImage(image, layout)), release, contents };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What changes least comes first, so that hosts and registries keep it from one release to the next. */
async function createLayers(options: {
  readonly source: ReleaseSource;
  readonly json: string;
  readonly work: string;
  readonly agent: AgentBundle;
  readonly cacheFolder?: string | undefined;
}): Promise<readonly Layer[]> {
  const { source, json, work, agent } = options;
  const payload = payloadFiles(source);
  return [
    await runtimeLayer(options.cacheFolder),
    await createLayer('agent', { files: agentFiles(agent), folders: [{ path: '/host', mode: 0o755 }] }, work),
    ...(payload.length === 0 ? [] : [await createLayer('payload', { files: payload }, work)]),
    await createLayer(releaseLayer, { files: [text(RELEASE_FILE, json), text(MANIFEST_FILE, source.text)] }, work),
  ];
}

const agentFiles = (agent: AgentBundle): readonly TarFile[] =>
  [...agent.files].map(([path, bytes]) => ({
    path: posix.join('/refit', path),
    executable: false,
    source: { type: 'bytes', bytes },
  }));

const payloadFiles = ({ payload }: ReleaseSource): readonly TarFile[] =>
  [...payload.files]
    .filter(([path]) => path !== MANIFEST_FILE)
    .map(([path, { source, sizeBytes, sha256: hex, executable }]) => ({
      path: posix.join(RELEASE_FOLDER, path),
      executable,
      source: { type: 'file', file: source, sizeBytes, sha256: hex },
    }));

const text = (name: string, content: string): TarFile => ({
  path: posix.join(RELEASE_FOLDER, name),
  executable: false,
  source: { type: 'bytes', bytes: Buffer.from(content) },
});
