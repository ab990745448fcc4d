import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../drivers/oci/blob.ts';
import { buildImage, type BuiltImage, type ImageContents } from '../../drivers/oci/image.ts';
import type { Layer } from '../../drivers/oci/layer.ts';
import { cachedLayer } from '../../drivers/oci/layer-cache.ts';
import { runtimeCommand, runtimeLayer } from '../../drivers/oci/runtime-layer.ts';
import { fill } from './template.ts';

/** A service of the sample platform that is one script: `dns` is `dns/dns.mjs` here, and the image `sample-dns`. */
export type ScriptService = Pick<ImageContents, 'exposedPorts' | 'healthcheck'> & {
  readonly name: string;
  readonly version: string;
  /** Folder here that the script lies in, when that is not named as the service. */
  readonly folder?: string;
  /** What the script imports, out of the same folder. */
  readonly modules?: readonly string[];
  /** Values of the script's places, beside the version. */
  readonly values?: Readonly<Record<string, string>>;
};

/** How the script is run in its image. */
export const scriptCommand = (name: string): readonly string[] => [...runtimeCommand, scriptPath(name)];

/** Builds the service as an image in the folder `layout`; no Docker Engine is needed for it. */
export async function buildScriptImage(service: ScriptService, layout: string): Promise<BuiltImage> {
  const { name, version, exposedPorts, healthcheck } = service;
  return buildImage(
    {
      layers: [await runtimeLayer(), await scriptLayer(service)],
      entrypoint: scriptCommand(name),
      ...(exposedPorts === undefined ? {} : { exposedPorts }),
      ...(healthcheck === undefined ? {} : { healthcheck }),
      labels: { 'org.opencontainers.image.title': `sample-${name}`, 'org.opencontainers.image.version': version },
    },
    layout,
  );
}

async function scriptLayer({ name, folder = name, modules = [], version, values }: ScriptService): Promise<Layer> {
  const source = join(import.meta.dirname, folder);
  const script = fill(await readFile(join(source, `${name}.mjs`), 'utf8'), { VERSION: version, ...values });
  const beside = await Promise.all(
    modules.map(async (module) => [scriptPath(module), await readFile(join(source, `${module}.mjs`), 'utf8')] as const),
  );
  const texts = [[scriptPath(name), script] as const, ...beside];
  return cachedLayer({
    name: `sample-${name}`,
    key: sha256(JSON.stringify(texts)),
    contents: {
      files: texts.map(([path, text]) => ({
        path,
        executable: false,
        source: { type: 'bytes', bytes: Buffer.from(text) },
      })),
    },
  });
}

const scriptPath = (name: string): string => `/app/${name}.mjs`;
