import { upgradeOfHop } from '../../model/ids.ts';
import { MAX_HOPS } from '../../model/plan.ts';
import type { AgentState, Work } from './state.ts';

/** Upgrades whose undo data is kept, of the release and of each service: each with all of its hops, so that it can be taken back as one. */
const KEPT_UPGRADES = 3;
/** Most installs that are kept: an upgrade that is ordered again and again has more of them than hops. */
const KEPT_INSTALLS = KEPT_UPGRADES * MAX_HOPS;

/** What a revert may still be ordered for. An upgrade is one, whatever number of hops it had, or of orders for members. */
export function undoableWorks(state: AgentState): readonly Work[] {
  const inEffect = state.works.filter((work) => work.inEffect);
  const kept = inEffect.filter((work) => laterUpgrades(inEffect, work) < KEPT_UPGRADES);
  const installs = kept.filter(({ service }) => service === null).slice(-KEPT_INSTALLS);
  return [...installs, ...kept.filter(({ service }) => service !== null)];
}

function laterUpgrades(inEffect: readonly Work[], { journal, service, upgrades }: Work): number {
  const later = inEffect.filter((one) => one.journal > journal && one.service?.name === service?.name);
  const own = new Set(upgrades.map(upgradeOfHop));
  return new Set(later.map(({ order }) => upgradeOfHop(order.upgrade)).filter((upgrade) => !own.has(upgrade))).size;
}
