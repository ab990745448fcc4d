import { docker, labVolumes } from './docker.ts';
import { networkName } from './network.ts';
import { FOLDER_LABEL, LAB_LABEL, containerName } from './paths.ts';

/** A container of the lab, a host, the registry or the load balancer. */
export type ContainerSpec = {
  readonly lab: string;
  readonly folder: string;
  /** Its host name inside; the engine knows it by the lab's prefix and this. */
  readonly name: string;
  readonly alias: string;
  readonly address: string;
  readonly image: string;
  /** Port inside → port on loopback. */
  readonly ports: ReadonlyMap<number, number>;
  /** Suffix of the volume's name → where it is mounted. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly options: readonly string[];
  readonly command: readonly string[];
};

/** Creates the container, not started, with its volumes; everything of it carries the lab's labels. */
export async function createContainer(spec: ContainerSpec): Promise<void> {
  const name = containerName(spec.lab, spec.name);
  const labels = ['--label', `${LAB_LABEL}=${spec.lab}`, '--label', `${FOLDER_LABEL}=${spec.folder}`];
  const there = await labVolumes(spec.lab);
  for (const suffix of spec.volumes.keys()) {
    if (!there.includes(`${name}-${suffix}`)) await docker(['volume', 'create', ...labels, `${name}-${suffix}`]);
  }
  const volumes = [...spec.volumes].map(([suffix, path]) => `--volume=${name}-${suffix}:${path}`);
  const ports = [...spec.ports].map(([inside, outside]) => `--publish=127.0.0.1:${outside}:${inside}`);
  const network = [`--network=${networkName(spec.lab)}`, `--network-alias=${spec.alias}`, `--ip=${spec.address}`];
  const identity = ['--name', name, '--hostname', spec.name, ...labels, '--restart=always'];
  await docker(['create', ...identity, ...network, ...volumes, ...ports, ...spec.options, spec.image, ...spec.command]);
}
