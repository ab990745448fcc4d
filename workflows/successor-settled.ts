import { ActivityFailure, isCancellation, rootCause } from '@temporalio/workflow';
import { buildOf, type PlannedUpgrader } from '../model/upgrader.ts';
import type { RetiredWorkers } from '../activities/self-upgrade-activities.ts';
import type { Finding } from '../model/upgrade.ts';
import { ask, gate, insist } from './gate.ts';
import { onHost, tidying } from './proxies.ts';
import type { Ending, Run } from './run.ts';
import { inputOf, waitFor } from './successor.ts';

/** Workers are switched already: an API that stays behind is put to the operator, and nothing goes back. */
export async function replaceApis(run: Run, { image, hosts }: PlannedUpgrader): Promise<Ending> {
  const build = buildOf(image);
  for (const host of hosts) {
    // Every further round is an operator's `resume`.
    for (let isDone = false; !isDone;) {
      const ending = await gate(run);
      if (ending !== 'go') return ending;
      const summary = `bring the api on ${host} to build ${build}`;
      const result = await insist(run, summary, async () =>
        run.during(waitFor(run, host, summary), async () =>
          onHost.replaceApi.executeWithOptions({ summary }, [inputOf(run, image, host)]),
        ),
      );
      if (result === null) return run.wishes.ending ?? 'abort';
      isDone = result.outcome !== 'failed';
      if (result.outcome !== 'failed') continue;
      const what = `the api stays as it was: ${result.message}`;
      const answer = await ask(run, { what, host, answers: ['resume'], isAnswered: () => run.wishes.resume });
      if (answer !== 'go') return answer;
    }
  }
  return 'go';
}

/** Best effort: what can't be ended now is told, and tried again at the end of this upgrade and by the next one. */
export async function retireWorkers(run: Run): Promise<void> {
  const { upgrader } = run;
  if (upgrader === null) return;
  const { fleet, upgrade } = run.input;
  const { image, hosts } = upgrader;
  const summary = 'end workers of earlier builds';
  try {
    const result = await run.during({ what: summary, host: null, movedOnBy: 'the engines of its hosts' }, async () =>
      tidying.retireWorkers.executeWithOptions({ summary }, [{ fleet, upgrade, image, hosts }]),
    );
    run.workersKept = result.kept.map(keptWorkers);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    const what = `workers of earlier builds may still run: ${rootCause(error) ?? 'unknown cause'}`;
    run.workersKept = [{ host: null, severity: 'warning', what, remedy: 'the next upgrade ends them' }];
  }
  run.show();
}

function keptWorkers({ build, openRuns }: RetiredWorkers['kept'][number]): Finding {
  const what = `workers of build ${build} stay: ${openRuns} open ${openRuns === 1 ? 'run is' : 'runs are'} pinned to it`;
  const remedy = 'nothing to do: they are ended once the runs are over, at the end of this upgrade or by the next one';
  return { host: null, severity: 'warning', what, remedy };
}
