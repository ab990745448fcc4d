import { upgradeOfHop } from '../../model/ids.ts';
import type { AgentState, Work } from './state.ts';

/** Upgrades whose undo data is kept, of the release and of each service; each with all its hops, which go back as one. */
const KEPT_UPGRADES = 3;

/** What a revert may still be ordered for. An upgrade is one, whatever number of hops it had, or of orders for its members. */
export function undoableWorks(state: AgentState): readonly Work[] {
  const inEffect = state.works.filter((work) => work.inEffect);
  return inEffect.filter((work) => laterUpgrades(inEffect, work) < KEPT_UPGRADES);
}

function laterUpgrades(inEffect: readonly Work[], { journal, service, upgrades }: Work): number {
  const own = new Set(upgrades.map(upgradeOfHop));
  const later = inEffect.filter((one) => one.journal > journal && one.service?.name === service?.name);
  return new Set(later.map(({ order }) => upgradeOfHop(order.upgrade)).filter((upgrade) => !own.has(upgrade))).size;
}
