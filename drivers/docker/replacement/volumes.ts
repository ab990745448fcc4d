import type { ContainerInspect } from './inspected.ts';
import type { Draft } from './draft.ts';

type Host = Draft['host'];
type Mount = ContainerInspect['Mounts'][number];
/** Digits by which people tell volumes without a name of their own apart. */
const SHOWN_DIGITS = 12;

/** Volumes without a name are bound by the id that the engine gave them: the new container gets them, not empty ones. */
export function withOwnVolumes(
  host: Host,
  inspect: ContainerInspect,
): { readonly host: Host; readonly notes: string[] } {
  const unnamed = inspect.Mounts.filter((mount) => isUnnamed(mount, inspect));
  const isMounted = ({ Destination }: Mount): boolean => host.Mounts.some(({ Target }) => isSame(Target, Destination));
  const bound = unnamed.filter((mount) => !isMounted(mount));
  return {
    host: {
      ...host,
      Binds: [...host.Binds.filter(hasSource), ...bound.map(bindOf)],
      Mounts: host.Mounts.map((wish) => {
        const mount = unnamed.find(({ Destination }) => isSame(wish.Target, Destination));
        return mount === undefined ? wish : { ...wish, Source: mount.Name };
      }),
    },
    notes: unnamed.map(noteOf),
  };
}

const bindOf = ({ Name, Destination, RW }: Mount): string => `${Name}:${Destination}${RW ? '' : ':ro'}`;

const noteOf = ({ Name, Destination }: Mount): string =>
  `volume ${Name.slice(0, SHOWN_DIGITS)} at ${Destination} has no name of its own: the new container binds it by its id, ` +
  'so it is not removed together with the container';

/** Neither bound nor mounted by a name, nor another container's. */
function isUnnamed({ Type, Name, Destination }: Mount, { HostConfig: host, Config }: ContainerInspect): boolean {
  if (Type !== 'volume' || Name === '') return false;
  if (host.Binds.some((bind) => hasSource(bind) && isSame(pathOf(bind), Destination))) return false;
  const mounted = host.Mounts.find(({ Target }) => isSame(Target, Destination));
  if (mounted !== undefined) return mounted.Source === '';
  const isAnothers = Array.isArray(host.VolumesFrom) && host.VolumesFrom.length > 0;
  return !isAnothers || Object.keys(Config.Volumes).some((path) => isSame(path, Destination));
}

/** A path alone asks for a new volume. */
const hasSource = (bind: string): boolean => bind.includes(':');

/** Where `source:path[:options]` is mounted. */
const pathOf = (bind: string): string => bind.split(':')[1] ?? '';

const isSame = (one: string, other: string): boolean => one.replace(/\/+$/, '') === other.replace(/\/+$/, '');

export const isVolume = (text: string): boolean => /^[^:]+:\/[^:]*(:[^:]+)?$/.test(text);

/** Takes the place of whatever the container has at the same paths. */
export function layVolumes({ config, host, ...rest }: Draft, volumes: readonly string[] = []): Draft {
  const isTaken = (path: string): boolean => volumes.some((volume) => isSame(pathOf(volume), path));
  const isFree = ([path]: readonly [string, unknown]): boolean => !isTaken(path);
  return {
    ...rest,
    config: { ...config, Volumes: Object.fromEntries(Object.entries(config.Volumes).filter(isFree)) },
    host: {
      ...host,
      Binds: [...host.Binds.filter((bind) => !isTaken(pathOf(bind))), ...volumes],
      Mounts: host.Mounts.filter(({ Target }) => !isTaken(Target)),
      Tmpfs: Object.fromEntries(Object.entries(host.Tmpfs).filter(isFree)),
    },
  };
}
