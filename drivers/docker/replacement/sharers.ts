import { listContainers } from '../containers.ts';
import { lookAt, type ContainerLook } from './look.ts';
import type { Site } from './site.ts';

/** Containers that are looked at at the same time. */
const AT_ONCE = 8;

/** Names of running containers that live in namespaces of this one: they would lose their network or processes with it. */
export async function findSharers(site: Site, of: ContainerLook): Promise<readonly string[]> {
  const all = await listContainers(site.connection, {}, site.signal);
  const others = all.filter(({ id, running }) => running && id !== of.id);
  const sharers: string[] = [];
  for (let from = 0; from < others.length; from += AT_ONCE) {
    const looks = await Promise.all(others.slice(from, from + AT_ONCE).map(({ id }) => lookAt(site, id)));
    sharers.push(
      ...looks
        .filter((look) => look !== null)
        .filter((look) => isSharing(look, of))
        .map(({ name }) => name),
    );
  }
  return sharers;
}

const isSharing = ({ shares }: ContainerLook, of: ContainerLook): boolean =>
  shares.some((mode) => [of.id, of.name].includes(mode.slice('container:'.length)));
