import { join } from 'node:path';
import { buildAgent } from '../../agent/build.ts';
import { createRegistry, type Published } from '../../drivers/registry.ts';
import { buildRelease } from '../../drivers/release/build.ts';
import type { Fleet } from '../../model/fleet.ts';
import { buildDnsImage } from './dns-image.ts';
import { publishWeb } from './web-image.ts';
import { writeSample, type SampleOptions } from './sample.ts';

/** Repositories of the sample platform in the lab's registry. */
export const SAMPLE_REPOSITORY = 'registry.lab:5000/sample';
const DNS_REPOSITORY = 'registry.lab:5000/sample-dns';

export type PublishOptions = Pick<SampleOptions, 'version' | 'edit'> & {
  /** Where the release's folder and the images are made. */
  readonly folder: string;
  readonly registries: Fleet['registries'];
};

/** Builds a release of the sample platform with its name server and web server, and publishes them. No Docker Engine is needed for it. */
export async function publishSample(options: PublishOptions): Promise<Published> {
  const { version, folder, registries, edit } = options;
  const registry = createRegistry(registries);
  const dns = await buildDnsImage(version, join(folder, `sample-dns-${version}`));
  const dnsImage = await registry.push({ layout: dns.layout, reference: DNS_REPOSITORY, version });
  const dir = join(folder, `sample-${version}`);
  const webImage = await publishWeb({ version, registries });
  await writeSample({ version, dir, dnsImage: dnsImage.reference, webImage, ...(edit === undefined ? {} : { edit }) });
  const output = join(folder, `sample-${version}-image`);
  const release = await buildRelease({ folder: dir, agent: buildAgent, output });
  return registry.push({ layout: release.layout, reference: SAMPLE_REPOSITORY, version });
}
