import { createHash } from 'node:crypto';
import { hopUpgradeId, parseDigest, type Digest, type UpgradeId } from '../model/ids.ts';
import { packWaves, type Hop, type HopPlan } from '../model/plan.ts';
import { planTreeText } from '../model/plan-hops.ts';
import type { ReadRelease } from '../model/registry.ts';
import type { PlannedHop, PreflightInput } from './activities.ts';
import { wrongInput } from './failure.ts';

/** Each hop's part of the plan, under the id by which agents and engines know it. */
export const hopPlans = (
  { upgrade, fleet }: Pick<PreflightInput, 'upgrade' | 'fleet'>,
  hops: readonly Hop[],
): readonly HopPlan[] => hops.map((hop, index) => ({ upgrade: hopId(upgrade, index), fleet, hop }));

/** A hop without its hosts, for the workflow. */
export const plannedHop = ({ upgrade, hop }: HopPlan, { release }: ReadRelease, planDigest: Digest): PlannedHop => ({
  upgrade,
  release: hop.release,
  planDigest,
  waves: packWaves(hop.waves),
  alreadyThere: hop.alreadyThere.length,
  services: hop.services.length,
  migrations: hop.migrations,
  hasBackup: hop.hasBackup,
  risks: hop.risks,
  downloadBytes: hop.downloadBytes,
  hostDeadlineMs: release.host.deadlineMs,
});

/** An upgrade that was asked for by its plan does that and nothing else: what differs, for people; null: nothing. */
export function describeChange(tree: Digest | null, hops: readonly Hop[]): string | null {
  if (tree === null) return null;
  const now = parseDigest(`sha256:${createHash('sha256').update(planTreeText(hops)).digest('hex')}`);
  if (now === tree) return null;
  const path = hops.map((hop) => `${hostCount(hop)} to ${hop.to}`).join(', ');
  const there = hops.reduce((sum, hop) => sum + hop.alreadyThere.length, 0);
  const found = `it would be ${path}, with ${there} there already (${now}, not ${tree})`;
  return `the fleet has changed since the plan was made: ${found}; plan again`;
}

function hostCount({ waves }: Hop): string {
  const count = waves.reduce((sum, { hosts }) => sum + hosts.length, 0);
  return count === 1 ? '1 host' : `${count} hosts`;
}

/** The first hop has the upgrade's own id, so only a long one of several hops has no room for the mark. */
function hopId(upgrade: UpgradeId, index: number): UpgradeId {
  try {
    return hopUpgradeId(upgrade, index);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw wrongInput(`${upgrade} is too long an id for an upgrade of several hops; choose a shorter one`, error);
  }
}
