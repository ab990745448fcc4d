import { readFileSync } from 'node:fs';

/** The number of a user or group: `passwd` and `group` hold name and number in the same places. */
export function idOf(path: string, name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  // Root is root on every host; a test's folder need not say so.
  if (name === 'root') return 0;
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  const id = Number(line?.split(':')[2] ?? Number.NaN);
  if (!Number.isInteger(id)) throw new Error(`expected a user or group "${name}" in ${path}, found none`);
  return id;
}
