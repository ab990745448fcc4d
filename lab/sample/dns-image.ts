import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../drivers/oci/blob.ts';
import { buildImage, type BuiltImage } from '../../drivers/oci/image.ts';
import { cachedLayer } from '../../drivers/oci/layer-cache.ts';
import { runtimeCommand, runtimeLayer } from '../../drivers/oci/runtime-layer.ts';
import { fill } from './template.ts';

/** Where the script lies in the image. */
const SCRIPT = '/app/dns.mjs';

/** Builds the sample platform's name server as an image in the folder `layout`; no Docker Engine is needed for it. */
export async function buildDnsImage(version: string, layout: string): Promise<BuiltImage> {
  const source = await readFile(join(import.meta.dirname, 'dns/dns.mjs'), 'utf8');
  const script = Buffer.from(fill(source, { VERSION: version }));
  const layer = await cachedLayer({
    name: 'sample-dns',
    key: sha256(Buffer.concat([Buffer.from(`${SCRIPT}\n`), script])),
    contents: { files: [{ path: SCRIPT, executable: false, source: { type: 'bytes', bytes: script } }] },
  });
  return buildImage(
    {
      layers: [await runtimeLayer(), layer],
      entrypoint: [...runtimeCommand, SCRIPT],
      exposedPorts: ['5353/udp'],
      labels: { 'org.opencontainers.image.title': 'sample-dns', 'org.opencontainers.image.version': version },
    },
    layout,
  );
}
