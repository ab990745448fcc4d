import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestHex, type Digest } from '../../model/ids.ts';
import { mediaTypes, sha256, type Descriptor } from './blob.ts';
import type { Layer } from './layer.ts';

/** A container image, from layers that lie in files. Nothing in it depends on when or where it is built. */
export type ImageContents = {
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly exposedPorts?: readonly string[];
  readonly healthcheck?: Healthcheck;
};

/** What the engine runs in the container to see whether it is healthy. */
export type Healthcheck = {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row until the container is unhealthy. */
  readonly retries: number;
  /** From its start until it was healthy once, no longer than this, failures don't count; ms. */
  readonly startPeriodMs?: number;
};

export type BuiltImage = {
  /** The manifest's digest, by which the image is addressed. */
  readonly digest: Digest;
  /** Folder with the image as an OCI layout. */
  readonly layout: string;
  /** Sum of the compressed layers. */
  readonly sizeBytes: number;
  readonly layers: readonly Pick<Layer, 'name' | 'digest' | 'sizeBytes'>[];
};

/** What a layer holds, as its annotation in the manifest. */
export const LAYER_ANNOTATION = 'dev.refit.layer';

/** Go's names of the processors that Node runs on. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le' };

export const imageArchitecture = (): string => ARCHITECTURES[process.arch] ?? process.arch;

/** Writes the image as an OCI layout into a folder, replacing an earlier one only when the new one is whole. */
export async function buildImage(contents: ImageContents, layout: string): Promise<BuiltImage> {
  const config = Buffer.from(JSON.stringify(imageConfig(contents)));
  const manifest = Buffer.from(JSON.stringify(imageManifest(contents.layers, config)));
  const partial = join(dirname(layout), `.${basename(layout)}.${process.pid}.partial`);
  await rm(partial, { recursive: true, force: true });
  try {
    await writeLayout(partial, contents.layers, [config, manifest]);
    await rm(layout, { recursive: true, force: true });
    await rename(partial, layout);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return {
    digest: sha256(manifest),
    layout,
    sizeBytes: contents.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    layers: contents.layers.map(({ name, digest, sizeBytes }) => ({ name, digest, sizeBytes })),
  };
}

function imageConfig(contents: ImageContents): object {
  return {
    architecture: imageArchitecture(),
    os: 'linux',
    created: new Date(0).toISOString(),
    config: {
      Entrypoint: contents.entrypoint,
      ...(contents.command === undefined ? {} : { Cmd: contents.command }),
      Env: Object.entries(contents.env ?? {}).map(([name, value]) => `${name}=${value}`),
      Labels: contents.labels ?? {},
      ExposedPorts: Object.fromEntries((contents.exposedPorts ?? []).map((port) => [port, {}])),
      ...(contents.healthcheck === undefined ? {} : { Healthcheck: engineHealthcheck(contents.healthcheck) }),
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: contents.layers.map((layer) => layer.diffId) },
    history: contents.layers.map((layer) => ({
      created: new Date(0).toISOString(),
      created_by: `refit ${layer.name}`,
    })),
  };
}

/** OCI's specification has no health check; engines read Docker's own field of the configuration, in nanoseconds. */
const engineHealthcheck = ({ command, intervalMs, timeoutMs, retries, startPeriodMs = 0 }: Healthcheck): object => ({
  Test: ['CMD', ...command],
  Interval: intervalMs * 1_000_000,
  Timeout: timeoutMs * 1_000_000,
  Retries: retries,
  ...(startPeriodMs === 0 ? {} : { StartPeriod: startPeriodMs * 1_000_000 }),
});

function imageManifest(layers: readonly Layer[], config: Buffer): object {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(mediaTypes.config, config),
    layers: layers.map(({ name, digest, sizeBytes }): Descriptor => ({
      mediaType: mediaTypes.layer,
      digest,
      size: sizeBytes,
      annotations: { [LAYER_ANNOTATION]: name },
    })),
  };
}

async function writeLayout(folder: string, layers: readonly Layer[], jsons: readonly Buffer[]): Promise<void> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  await Promise.all([
    ...layers.map((layer) => copyFile(layer.file, join(blobs, digestHex(layer.digest)))),
    ...jsons.map((json) => writeFile(join(blobs, digestHex(sha256(json))), json)),
  ]);
  const manifests = jsons.slice(-1).map((manifest) => describe(mediaTypes.manifest, manifest));
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }),
  );
}

const describe = (mediaType: string, bytes: Buffer): Descriptor => ({
  mediaType,
  digest: sha256(bytes),
  size: bytes.length,
});
