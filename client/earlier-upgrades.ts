import { parseUpgradeId } from '../model/ids.ts';
import type { Progress } from '../model/upgrade.ts';
import { settled } from './settled.ts';
import type { Upgrades } from './upgrades.ts';

/** Upgrades that are looked at, the latest: older ones say less of the fleet as it is now. */
const MAX_LOOKED_AT = 3;

/** How the latest upgrades that succeeded ended; text: nobody could be asked, and who. Nothing that depends on it has to fail. */
export async function earlierUpgrades(
  upgrades: Pick<Upgrades, 'list' | 'progress'>,
): Promise<readonly Progress[] | string> {
  const read = await settled(async () => ({ ended: await endedWell(upgrades) }));
  return 'problem' in read ? read.problem : read.ended;
}

async function endedWell(upgrades: Pick<Upgrades, 'list' | 'progress'>): Promise<readonly Progress[]> {
  const found = (await upgrades.list()).filter(({ state, isRunning }) => state === 'succeeded' && !isRunning);
  const looked = found.slice(0, MAX_LOOKED_AT).map(({ id }) => upgrades.progress(parseUpgradeId(id)));
  return (await Promise.all(looked)).filter((progress) => progress !== null);
}
