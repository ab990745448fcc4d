import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAgent } from '../agent/build.ts';
import { createRegistry, type Published } from '../drivers/registry.ts';
import { buildRelease } from '../drivers/release/build.ts';
import type { Fleet } from '../model/fleet.ts';

/** One file, which the first of these releases brings and every later one finds as it should be: what Ansible's copy does. */
const manifest = (
  version: string,
): string => `# A release whose step has nothing to do once the first one was installed.
name: bench
version: ${version}
host:
  steps:
    - id: file
      type: files
      files: [{ from: files/bench.conf, to: /etc/refit-bench.conf, mode: '0644' }]
`;

/** Builds and publishes a release that differs from the one before in its version alone. */
export async function publishNoop(options: {
  readonly version: string;
  readonly folder: string;
  readonly registries: Fleet['registries'];
}): Promise<Published> {
  const { version, folder, registries } = options;
  const dir = join(folder, `bench-${version}`);
  await rm(dir, { recursive: true, force: true });
  await mkdir(join(dir, 'files'), { recursive: true });
  await writeFile(join(dir, 'files/bench.conf'), 'measured=yes\n');
  await writeFile(join(dir, 'release.yaml'), manifest(version));
  const built = await buildRelease({ folder: dir, agent: buildAgent, output: join(folder, `bench-${version}-image`) });
  return createRegistry(registries).push({ layout: built.layout, reference: 'registry.lab:5000/bench', version });
}
