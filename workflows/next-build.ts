import { allHandlersFinished, condition, makeContinueAsNewFunc, workflowInfo } from '@temporalio/workflow';
import { takePage } from '../model/pages.ts';
import { releaseLabel } from '../model/release.ts';
import type { CarriedUpgrade } from '../model/upgrade.ts';
import { deploymentName, type BuildId, type PlannedUpgrader } from '../model/upgrader.ts';
import type { Run } from './run.ts';
import type { upgradeFleet } from './upgrade-fleet.ts';

/** Room for decisions in the input of the next run; characters. With the policy it stays under 16 kB. */
const DECISIONS_LENGTH = 9_000;
/** Approvals that go along: an operator types each of them. */
const MAX_APPROVED = 40;

/** Build of the fleet's worker that has this run; null: one without versions. The same again in a replay. */
export function ownBuild({ input }: Run): BuildId | null {
  const { currentDeploymentVersion: version } = workflowInfo();
  return version?.deploymentName === deploymentName(input.fleet) ? version.buildId : null;
}

/** Goes on as a new run of the same upgrade, on the build that is current now. Whoever has an answer has it by then. */
export async function goOnAsNew(run: Run, upgrader: PlannedUpgrader): Promise<never> {
  await condition(allHandlersFinished);
  // Without it a pinned run's successor would be pinned to the same build. Experimental: this is its only place.
  const next = makeContinueAsNewFunc<typeof upgradeFleet>({ initialVersioningBehavior: 'AUTO_UPGRADE' });
  return next({ ...run.input, carried: carry(run, upgrader) });
}

/** No `await` may lie between this and the new run: a command that came in between would be lost. */
function carry(run: Run, upgrader: PlannedUpgrader): CarriedUpgrade {
  const { decisions, startedAt } = run.progress();
  const { pause, ending, to = null, approved } = run.wishes;
  const latest = takePage([...decisions].reverse(), { length: DECISIONS_LENGTH, items: decisions.length });
  return {
    upgrader,
    runs: (run.input.carried?.runs ?? 0) + 1,
    release: releaseLabel(run.planned().release),
    startedAt,
    decisions: [...latest].reverse(),
    children: run.children,
    ...{ pause, ending, to, approved: [...approved].slice(0, MAX_APPROVED) },
  };
}
