import { ACTIVE_KEY } from '../../model/slot-balancer.ts';
import { slots, type Slot } from '../../model/unit.ts';
import { command, refusal } from './commands.ts';
import { askHaproxy, mapInCommand, type Balancer } from './runtime-api.ts';

/** What a map that HAProxy works with says of the unit's active slot; notFound: no line of its configuration names the map. */
export async function readActiveInMap(
  balancer: Balancer,
  map: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const asked = `show map ${mapInCommand(balancer, map)}`;
  const lines = (await askHaproxy(balancer, asked, signal)).split('\n').filter((line) => line !== '');
  // The entry's own address in memory, its key, its value.
  const entries = lines.map((line) => line.split(' '));
  if (entries.some(([address = '']) => !address.startsWith('0x'))) throw refusal(balancer, asked, lines.join('\n'));
  return entries.filter(([, key]) => key === ACTIVE_KEY).map(([, , value = '']) => value);
}

/** One command, so that every frontend's next request goes there. Of entries with the same key it sets all. */
export async function setActiveInMap(
  balancer: Balancer,
  { map, to, isThere }: { readonly map: string; readonly to: Slot; readonly isThere: boolean },
  signal?: AbortSignal,
): Promise<void> {
  const verb = isThere ? 'set' : 'add';
  await command(balancer, `${verb} map ${mapInCommand(balancer, map)} ${ACTIVE_KEY} ${to}`, signal);
}

/** mixed: two values, or one that is no slot. */
export function activeOf(values: readonly string[]): Slot | 'unset' | 'mixed' {
  if (values.length === 0) return 'unset';
  return slots.find((slot) => values.every((value) => value === slot)) ?? 'mixed';
}
