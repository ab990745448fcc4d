import { readFile, writeFile } from 'node:fs/promises';

/** How soon the kernel asks again for an address that gave no answer, on network interfaces made from then on; ms. */
const SETTING = '/proc/sys/net/ipv4/neigh/default/retrans_time_ms';
const SOON_MS = 10;

/**
 * By default it asks again after a second: a request that comes in the moment in which a container's interface is not up
 * yet would round every way's time up by that second, or not, by chance.
 */
export async function askNeighboursSoon(): Promise<AsyncDisposable> {
  const before = await readFile(SETTING, 'utf8');
  await writeFile(SETTING, String(SOON_MS));
  return { [Symbol.asyncDispose]: () => writeFile(SETTING, before) };
}
