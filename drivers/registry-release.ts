import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { z } from 'zod';
import { parseDigest } from '../model/ids.ts';
import { RegistryError, type ReadRelease } from '../model/registry.ts';
import type { Release } from '../model/release.ts';
import { sha256, type Descriptor } from './oci/blob.ts';
import { LAYER_ANNOTATION } from './oci/image.ts';
import { ConfigSchema, ManifestSchema, type Manifest } from './oci/manifest.ts';
import type { Reference } from './oci/reference.ts';
import { unpackTar } from './oci/tar.ts';
import type { RegistryHttp } from './registry-http.ts';
import { fetchBlob, fetchManifest, mismatch } from './registry-manifest.ts';
import { labelNames, RELEASE_FILE, RELEASE_FOLDER, releaseLayer } from './release/release-image.ts';
import { parseRelease } from './release/release-json.ts';

/** Labels and layer list; real ones have 2 kB. */
const MAX_CONFIG_BYTES = 1024 ** 2;
/** Compressed release.json and release.yaml: a release of 10,000 files has 1 MB. */
const MAX_LAYER_BYTES = 32 * 1024 ** 2;
/** What the layer may unfold to: text compresses to a tenth, a bomb to a thousandth. */
const MAX_UNPACKED_BYTES = 256 * 1024 ** 2;

/** Reads what the image says of itself, without its large layers. Every byte is checked against the manifest's digest. */
export async function fetchRelease(http: RegistryHttp, image: Reference, signal?: AbortSignal): Promise<ReadRelease> {
  const fetched = await fetchManifest(http, image, signal);
  const manifest = parseJson(ManifestSchema, fetched.bytes, { image, what: 'manifest' });
  const labels = await readLabels(http, image, { manifest, signal });
  const bytes = await fetchBlob(http, image, { ...layerOf(manifest, image), limitBytes: MAX_LAYER_BYTES, signal });
  const json = await unpackRelease(bytes, image);
  const contents = sha256(json);
  if (contents !== labels[labelNames.contents]) {
    throw mismatch(image, { expected: `${RELEASE_FILE} ${labels[labelNames.contents] ?? ''}`, got: contents });
  }
  const { name, version } = readRelease(json, image);
  if (name !== labels[labelNames.name] || version !== labels[labelNames.version]) {
    const labelled = `${labels[labelNames.name] ?? ''} ${labels[labelNames.version] ?? ''}`;
    throw mismatch(image, { expected: `the release ${labelled} of its labels`, got: `${name} ${version}` });
  }
  return {
    ref: { name, version, repository: image.repository, digest: fetched.digest, contents },
    release: readRelease(json, image),
    agent: labels[labelNames.agent] ?? null,
    sizeBytes: manifest.layers.reduce((sum, { size }) => sum + size, 0),
    layers: manifest.layers.map(({ annotations, digest, size }) => ({
      name: annotations?.[LAYER_ANNOTATION] ?? 'layer',
      digest,
      sizeBytes: size,
    })),
  };
}

async function readLabels(
  http: RegistryHttp,
  image: Reference,
  { manifest, signal }: { readonly manifest: Manifest; readonly signal: AbortSignal | undefined },
): Promise<Readonly<Record<string, string>>> {
  const blob = { descriptor: manifest.config, limitBytes: MAX_CONFIG_BYTES, signal };
  const config = parseJson(ConfigSchema, await fetchBlob(http, image, blob), { image, what: 'config' });
  const labels = config.config?.Labels ?? {};
  parseLabel(labels[labelNames.contents], image);
  return labels;
}

function parseLabel(contents: string | undefined, image: Reference): void {
  if (contents === undefined) throw notRelease(image, `it has no label ${labelNames.contents}`);
  try {
    parseDigest(contents);
  } catch (cause) {
    throw notRelease(image, `its label ${labelNames.contents} is no digest`, cause);
  }
}

function layerOf(manifest: Manifest, image: Reference): { readonly descriptor: Descriptor } {
  const descriptor = manifest.layers.find(({ annotations }) => annotations?.[LAYER_ANNOTATION] === releaseLayer);
  if (descriptor === undefined) throw notRelease(image, `no layer is annotated ${LAYER_ANNOTATION}=${releaseLayer}`);
  return { descriptor };
}

async function unpackRelease(layer: Buffer, image: Reference): Promise<Buffer> {
  const files = await promisify(gunzip)(layer, { maxOutputLength: MAX_UNPACKED_BYTES })
    .then(unpackTar)
    .catch((cause: unknown) => {
      throw notRelease(image, 'its release layer can not be unpacked', cause);
    });
  const json = files.get(`${RELEASE_FOLDER}/${RELEASE_FILE}`);
  if (json === undefined) throw notRelease(image, `its release layer holds no ${RELEASE_FILE}`);
  return json;
}

function readRelease(json: Buffer, image: Reference): Release {
  try {
    return parseRelease(json.toString());
  } catch (cause) {
    throw notRelease(image, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function parseJson<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Buffer,
  { image, what }: { readonly image: Reference; readonly what: string },
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw notRelease(image, `its ${what} has another form`, cause);
  }
}

function notRelease(image: Reference, why: string, cause?: unknown): RegistryError {
  const name = `${image.repository}${image.digest === null ? `:${image.tag ?? ''}` : `@${image.digest}`}`;
  const message = `${name} is an image, but no release of refit: ${why}`;
  return new RegistryError('notRelease', `${message}; releases are made with: refit release build DIR`, { cause });
}
