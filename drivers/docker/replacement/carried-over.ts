import { emptyDraft, type Draft } from './draft.ts';
import type { ContainerInspect, ImageConfig } from './inspected.ts';
import { macNotes, networkMode, userHostname, userNetworks } from './networks.ts';
import { userSet } from './user-set.ts';
import { withOwnVolumes } from './volumes.ts';

/** Everything that was set on the old container. */
export function carriedOver(inspect: ContainerInspect, image: ImageConfig): Draft {
  const { host, notes } = withOwnVolumes(inspect.HostConfig, inspect);
  return {
    ...emptyDraft('default'),
    config: { ...userSet(inspect, image), Hostname: userHostname(inspect) },
    host: { ...host, NetworkMode: networkMode(inspect), Links: host.Links.map(linkOf) },
    networks: userNetworks(inspect),
    restart: restartOf(inspect),
    notes: [...notes, ...macNotes(inspect)],
  };
}

const restartOf = ({ HostConfig: { RestartPolicy: found } }: ContainerInspect): Draft['restart'] => ({
  policy: found.Name,
  retries: found.Name === 'on-failure' ? found.MaximumRetryCount : 0,
});

/** Shown as `/other:/own-name/alias`, taken as `other:alias`. */
function linkOf(link: string): string {
  const [other = '', alias = ''] = link.split(':');
  return `${other.replace(/^\//, '')}:${alias.split('/').at(-1) ?? ''}`;
}
