import type { AgentState, Work } from './state.ts';

/** Upgrades whose undo data is kept, of the release and of each service: enough for the longest path of hops that is rolled back as one. */
const KEPT_UPGRADES = 3;

/** What a revert may still be ordered for. An upgrade of a service is one, whatever number of orders it had for its members. */
export function undoableWorks(state: AgentState): readonly Work[] {
  const inEffect = state.works.filter((work) => work.inEffect);
  const installs = inEffect.filter(({ service }) => service === null).slice(-KEPT_UPGRADES);
  const members = inEffect.filter((work) => work.service !== null && laterUpgrades(inEffect, work) < KEPT_UPGRADES);
  return [...installs, ...members];
}

function laterUpgrades(inEffect: readonly Work[], { journal, service, upgrades }: Work): number {
  const later = inEffect.filter((one) => one.journal > journal && one.service?.name === service?.name);
  return new Set(later.map(({ order }) => order.upgrade).filter((upgrade) => !upgrades.includes(upgrade))).size;
}
