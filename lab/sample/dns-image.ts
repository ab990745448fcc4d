import type { BuiltImage } from '../../drivers/oci/image.ts';
import { buildScriptImage } from './script-image.ts';

/** Builds the sample platform's name server as an image in the folder `layout`. */
export async function buildDnsImage(version: string, layout: string): Promise<BuiltImage> {
  return buildScriptImage({ name: 'dns', version, exposedPorts: ['5353/udp'] }, layout);
}
