import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../drivers/oci/blob.ts';
import { buildImage, type BuiltImage, type ImageContents } from '../../drivers/oci/image.ts';
import { cachedLayer } from '../../drivers/oci/layer-cache.ts';
import { runtimeCommand, runtimeLayer } from '../../drivers/oci/runtime-layer.ts';
import { fill } from './template.ts';

/** A service of the sample platform that is one script: `dns` is `dns/dns.mjs` here, and the image `sample-dns`. */
export type ScriptService = Pick<ImageContents, 'exposedPorts' | 'healthcheck'> & {
  readonly name: string;
  readonly version: string;
  /** Values of the script's places, beside the version. */
  readonly values?: Readonly<Record<string, string>>;
};

/** How the script is run in its image. */
export const scriptCommand = (name: string): readonly string[] => [...runtimeCommand, scriptPath(name)];

/** Builds the service as an image in the folder `layout`; no Docker Engine is needed for it. */
export async function buildScriptImage(service: ScriptService, layout: string): Promise<BuiltImage> {
  const { name, version, values, exposedPorts, healthcheck } = service;
  const source = await readFile(join(import.meta.dirname, name, `${name}.mjs`), 'utf8');
  const script = Buffer.from(fill(source, { VERSION: version, ...values }));
  const path = scriptPath(name);
  const layer = await cachedLayer({
    name: `sample-${name}`,
    key: sha256(Buffer.concat([Buffer.from(`${path}\n`), script])),
    contents: { files: [{ path, executable: false, source: { type: 'bytes', bytes: script } }] },
  });
  return buildImage(
    {
      layers: [await runtimeLayer(), layer],
      entrypoint: scriptCommand(name),
      ...(exposedPorts === undefined ? {} : { exposedPorts }),
      ...(healthcheck === undefined ? {} : { healthcheck }),
      labels: { 'org.opencontainers.image.title': `sample-${name}`, 'org.opencontainers.image.version': version },
    },
    layout,
  );
}

const scriptPath = (name: string): string => `/app/${name}.mjs`;
