import { readFileSync } from 'node:fs';
import type { Places } from '../places.ts';

/** The file system that a path lies on. */
export type Mount = { readonly type: string; readonly device: string };

/** As the kernel says of what this process sees; null: it does not say. */
export function mountOf(places: Places, path: string): Mount | null {
  try {
    return findMount(readFileSync('/proc/self/mountinfo', 'utf8'), places.on(path));
  } catch {
    return null;
  }
}

/** Of `id parent major:minor root point options… - type device …` lines, the one of the longest point over the path. Pure. */
export function findMount(mountinfo: string, path: string): Mount | null {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const point = before.split(' ')[4];
    const [type, device] = after.split(' ');
    return point === undefined || type === undefined || device === undefined ? [] : [{ point, type, device }];
  });
  const over = mounts.filter(({ point }) => point === '/' || path === point || path.startsWith(`${point}/`));
  // Of two at one point the later one lies over the other.
  const found = over.reduce<(typeof over)[number] | null>(
    (best, mount) => (best === null || mount.point.length >= best.point.length ? mount : best),
    null,
  );
  return found === null ? null : { type: found.type, device: found.device };
}
