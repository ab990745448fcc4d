import { buildOf, type PlannedUpgrader } from '../model/upgrader.ts';
import { agents } from './agents.ts';
import { goOnAsNew, ownBuild } from './next-build.ts';
import type { Ending, Run } from './run.ts';
import { replaceApis, retireWorkers } from './successor-settled.ts';
import { bringSuccessor } from './successor.ts';

/** Runs that one upgrade may take to get to a build: the switch, and once more if the server was slow to hear of it. */
const MAX_RUNS = 3;

/**
 * Self-upgrade phase: the upgrader itself, then the agents, before anything else of a fleet is touched.
 *
 * 1. The successor replays what is open; a run that it can't go on with stops the upgrade here.
 * 2. Its workers stand beside the old ones, and take over; this upgrade goes on as a new run on them.
 * 3. There it brings the API, ends workers that nobody needs, and goes from agent to agent.
 */
export async function selfUpgrade(run: Run): Promise<Ending | 'failed'> {
  const { selfUpgrade: planned } = run.planned();
  const upgrader = planned?.upgrader ?? run.input.carried?.upgrader ?? null;
  // Upgrades that began before there was such a phase have no plan for it.
  if (upgrader === null && (planned?.agents ?? null) === null) return 'go';
  run.enter('running', 'self-upgrade');
  for (const step of [async () => bringUpgrader(run, upgrader), async () => agents(run)]) {
    const ending = await step();
    if (ending !== 'go') return ending;
  }
  return run.ending();
}

async function bringUpgrader(run: Run, upgrader: PlannedUpgrader | null): Promise<Ending | 'failed'> {
  if (upgrader === null) return 'go';
  const build = buildOf(upgrader.image);
  const current = run.planned().selfUpgrade?.upgrader?.current ?? build;
  if (current !== build) {
    if (run.input.carried !== undefined) return lost(run, current, build);
    const ending = await bringSuccessor(run, upgrader);
    if (ending !== 'switched') return ending;
    return goOnAsNew(run, upgrader);
  }
  const own = ownBuild(run);
  if (own !== null && own !== build && (run.input.carried?.runs ?? 0) < MAX_RUNS) return goOnAsNew(run, upgrader);
  run.upgrader = upgrader;
  const ending = await replaceApis(run, upgrader);
  if (ending !== 'go') return ending;
  await retireWorkers(run);
  return 'go';
}

/** Somebody else switched: two upgraders that take turns would never end. */
function lost(run: Run, current: string | null, build: string): 'failed' {
  run.error = `workers were switched to build ${build}, but ${current ?? 'none'} is current again; find out who switches them, then upgrade again`;
  return 'failed';
}
