import type { Fleet } from '../model/fleet.ts';
import { parseUpgradeId } from '../model/ids.ts';
import type { Progress } from '../model/upgrade.ts';
import { settled } from './settled.ts';
import { openUpgrades, type Upgrades } from './upgrades.ts';

/** Upgrades that are looked at, the latest: older ones say less of the fleet as it is now. */
const MAX_LOOKED_AT = 3;

/** How the latest upgrades that succeeded ended; text: nobody could be asked, and who. Nothing that depends on it has to fail. */
export async function earlierUpgrades(fleet: Fleet): Promise<readonly Progress[] | string> {
  const read = await settled(async () => {
    const upgrades = await openUpgrades({ fleet });
    try {
      return { ended: await endedWell(upgrades) };
    } finally {
      await upgrades.close();
    }
  });
  return 'problem' in read ? read.problem : read.ended;
}

async function endedWell(upgrades: Upgrades): Promise<readonly Progress[]> {
  const found = (await upgrades.list()).filter(({ state, isRunning }) => state === 'succeeded' && !isRunning);
  const looked = found.slice(0, MAX_LOOKED_AT).map(({ id }) => upgrades.progress(parseUpgradeId(id)));
  return (await Promise.all(looked)).filter((progress) => progress !== null);
}
