import { readdir, readFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { digestHex } from '../../model/ids.ts';
import { sha256, sha256File } from '../oci/blob.ts';
import { buildImage, type BuiltImage } from '../oci/image.ts';
import { cachedLayer } from '../oci/layer-cache.ts';
import { createLayer, type Layer } from '../oci/layer.ts';
import { linkedFiles, runtimeCommand, runtimeLayer } from '../oci/runtime-layer.ts';
import type { TarFile } from '../oci/tar.ts';
import { packageFiles, type PackageChoice } from './packages.ts';
import { bundlePrograms, PROGRAM_FOLDER, type ProgramSources } from './programs.ts';

/** Recorded runs that each build has to go on replaying. */
export const CORPUS_FOLDER = '/refit/corpus';
export const WORKFLOWS_FILE = `${PROGRAM_FOLDER}/workflows.js`;

/** How often the engine asks a container how it is, how long it waits for the answer, and how often in a row it may be a bad one. */
const HEALTH = { intervalMs: 10_000, timeoutMs: 10_000, retries: 6 } as const;

/** Go's name of the processor → the folder of Temporal's bridge; others have none. */
const BRIDGES: Readonly<Record<string, string>> = {
  x64: 'x86_64-unknown-linux-gnu',
  arm64: 'aarch64-unknown-linux-gnu',
};

export type UpgraderContents = {
  readonly checkout: string;
  /** Among them `upgrader`, which starts the others, and `health`, which the engine asks. */
  readonly programs: ProgramSources;
  /** Workflow code, bundled. */
  readonly workflows: Uint8Array;
  /** Folder of recorded runs. */
  readonly corpus: string;
  readonly version: string;
};

/**
 * The image of worker and API, as an OCI layout in a folder. The same sources, packages and Node.js give the same digest,
 * whenever and wherever it is built.
 */
export async function buildUpgrader(
  contents: UpgraderContents,
  { layout, work }: { readonly layout: string; readonly work: string },
): Promise<BuiltImage> {
  const { files, packages } = await bundlePrograms(contents.checkout, contents.programs);
  const program = (name: string): readonly string[] => [...runtimeCommand, posix.join(PROGRAM_FOLDER, `${name}.mjs`)];
  const own = [...files].map(([path, bytes]) => bytesFile(path, bytes));
  return buildImage(
    {
      layers: [
        await runtimeLayer(),
        await packagesLayer(contents.checkout, packages),
        await createLayer(
          'upgrader',
          { files: [...own, bytesFile(WORKFLOWS_FILE, contents.workflows), ...(await corpusFiles(contents.corpus))] },
          work,
        ),
      ],
      entrypoint: program('upgrader'),
      command: ['worker'],
      // Temporal's and AWS's own configuration is looked for in a home folder, and an image without users has none.
      env: { HOME: '/', NODE_ENV: 'production', REFIT_WORKFLOWS: WORKFLOWS_FILE, REFIT_CORPUS: CORPUS_FOLDER },
      labels: {
        'org.opencontainers.image.title': 'refit-upgrader',
        'org.opencontainers.image.version': contents.version,
        'org.opencontainers.image.description': 'refit: worker, API and replay of an upgrader',
      },
      healthcheck: { command: program('health'), ...HEALTH },
    },
    layout,
  );
}

/** What changes only with the lock file; kept by hosts and registries from one build to the next. */
async function packagesLayer(checkout: string, names: readonly string[]): Promise<Layer> {
  const bridge = bridgeFolder();
  const found = await packageFiles(checkout, names, choice(bridge));
  const native = join(checkout, 'node_modules', BRIDGE_PACKAGE, bridge, 'index.node');
  const files = [...stubFiles()];
  for (const file of await librariesOf(native)) files.push(await toFile(`/refit/runtime/lib/${basename(file)}`, file));
  // One after another: thousands of files at once are more than a process may have open.
  for (const { path, file } of found) files.push(await toFile(posix.join(PROGRAM_FOLDER, path), file));
  const identities = files.map(({ path, source }) => [
    path,
    source.type === 'file' ? source.sha256 : sha256(source.bytes),
  ]);
  return cachedLayer({
    name: 'packages',
    // The first element is the version of this layout: raise it when the same files are packed differently.
    key: sha256(JSON.stringify(['packages-layout-1', process.versions.zlib, identities.sort()])),
    contents: { files },
  });
}

const BRIDGE_PACKAGE = '@temporalio/core-bridge';

function bridgeFolder(): string {
  const triple = BRIDGES[process.arch];
  if (triple === undefined) throw new Error(`Temporal has no worker for ${process.arch}; build on x64 or arm64`);
  return join('releases', triple);
}

/** Nothing is bundled there, so what bundles stays away: half of all that Temporal's worker depends on. */
const BUNDLERS = ['webpack', 'swc-loader', '@swc/core', 'source-map-loader', 'esbuild', 'tsx'];
const choice = (bridge: string): PackageChoice => ({
  without: BUNDLERS,
  parts: { [BRIDGE_PACKAGE]: ['package.json', 'index.js', 'common.js', 'lib', bridge] },
});

/** Temporal's worker loads it at its start, and uses it only to bundle. */
const stubFiles = (): readonly TarFile[] => [
  bytesFile(posix.join(PROGRAM_FOLDER, 'node_modules/webpack/index.js'), Buffer.from('module.exports = {};\n')),
];

/** The runtime's layer has what Node.js links to; Temporal's bridge links to some more of the same libc. */
const librariesOf = async (native: string): Promise<readonly string[]> => {
  const [node, bridge] = await Promise.all([linkedFiles(process.execPath), linkedFiles(native)]);
  const there = new Set(node.libraries.map((file) => basename(file)));
  return bridge.libraries.filter((file) => !there.has(basename(file)));
};

async function toFile(path: string, file: string): Promise<TarFile> {
  const { digest, sizeBytes } = await sha256File(file);
  return { path, executable: false, source: { type: 'file', file, sizeBytes, sha256: digestHex(digest) } };
}

async function corpusFiles(folder: string): Promise<readonly TarFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => bytesFile(posix.join(CORPUS_FOLDER, name), await readFile(join(folder, name)))),
  );
}

const bytesFile = (path: string, bytes: Uint8Array): TarFile => ({
  path,
  executable: false,
  source: { type: 'bytes', bytes },
});
