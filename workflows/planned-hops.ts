import type { PlannedHop, PreflightResult } from '../activities/activities.ts';
import type { UpgradeId } from '../model/ids.ts';

/** What preflight answered before an upgrade could have several hops; runs that began then go on. */
type SinglePlan = Omit<PlannedHop, 'upgrade' | 'migrations' | 'hasBackup' | 'risks'>;

/** The hops of a plan, also of one that was made before there were any. */
export function plannedHops(plan: PreflightResult, upgrade: UpgradeId): readonly PlannedHop[] {
  return isSingle(plan) ? [{ ...plan, upgrade, migrations: [], hasBackup: false, risks: [] }] : plan.hops;
}

const isSingle = (plan: object): plan is SinglePlan => !('hops' in plan);
