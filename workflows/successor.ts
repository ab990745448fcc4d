import { CancellationScope } from '@temporalio/workflow';
import type { ReplayResult, SuccessorInput } from '../activities/self-upgrade-activities.ts';
import { unreachable } from '../model/assert.ts';
import type { HostId } from '../model/ids.ts';
import { buildOf, type PlannedUpgrader } from '../model/upgrader.ts';
import { ask, gate, insist, unlessEnded } from './gate.ts';
import { onHost, quick } from './proxies.ts';
import type { Ending, Run } from './run.ts';
import type { Wait } from './waits.ts';

type End = Ending | 'failed';

/** Brings a successor that is proven and heard of, and makes it current; or leaves everything as it was. */
export async function bringSuccessor(run: Run, upgrader: PlannedUpgrader): Promise<End | 'switched'> {
  const replayed = await replay(run, upgrader);
  if (replayed !== 'go') return replayed;
  const begun: HostId[] = [];
  let isCurrent = false;
  try {
    const started = await startAll(run, upgrader, begun);
    if (started !== 'go') return started;
    // Whether a switch that broke off took place is known to Temporal alone: what is current is not dropped.
    isCurrent = await switchWorkers(run, upgrader);
    return isCurrent ? 'switched' : (run.wishes.ending ?? 'abort');
  } finally {
    if (!isCurrent) await CancellationScope.nonCancellable(async () => dropAll(run, upgrader, begun));
  }
}

async function replay(run: Run, { image, hosts }: PlannedUpgrader): Promise<End> {
  const build = buildOf(image);
  const [host] = hosts;
  if (host === undefined) return 'go';
  // Every further round is an operator's `resume`.
  for (;;) {
    const ending = await gate(run);
    if (ending !== 'go') return ending;
    const summary = `build ${build} replays what is open, on ${host}`;
    const result = await insist(run, summary, async () =>
      run.during(waitFor(run, host, summary), async () =>
        unlessEnded(run, async () =>
          onHost.replaySuccessor.executeWithOptions({ summary }, [inputOf(run, image, host)]),
        ),
      ),
    );
    if (result === null) return run.wishes.ending ?? 'abort';
    const judged = await judge(run, { build, host, result });
    if (judged !== 'again') return judged;
  }
}

async function judge(
  run: Run,
  { build, host, result }: { readonly build: string; readonly host: HostId; readonly result: ReplayResult },
): Promise<End | 'again'> {
  switch (result.outcome) {
    case 'replayed': {
      const because = `it replayed ${result.runs} open runs and ${result.corpus} recorded ones`;
      run.decide({ rule: 'self-upgrade', decision: `go on to build ${build}`, because, by: 'policy' });
      return 'go';
    }
    case 'blocked':
      return blocked(run, build, result);
    case 'failed': {
      const what = `build ${build} could not replay what is open: ${result.message}`;
      const ending = await ask(run, { what, host, answers: ['resume'], isAnswered: () => run.wishes.resume });
      return ending === 'go' ? 'again' : ending;
    }
    default:
      return unreachable(result);
  }
}

function blocked(run: Run, build: string, { faults, more }: Extract<ReplayResult, { outcome: 'blocked' }>): 'failed' {
  const [first] = faults;
  const event = first?.event == null ? '' : `, event ${first.event}`;
  const named = `run ${first?.runId ?? 'unknown'} of workflow ${first?.workflowId ?? 'unknown'}${event}: ${first?.message ?? ''}`;
  const others = faults.length + more - 1;
  const because = `${named}${others > 0 ? `; and ${others} more` : ''}`;
  run.decide({ rule: 'self-upgrade', decision: `build ${build} does not take over`, because, by: 'policy' });
  run.error = `blocked: ${because}; build ${build} can't go on with it and was not started, nothing else was touched`;
  return 'failed';
}

/** Host after host: the first that does not come up ends it. */
async function startAll(run: Run, { image, hosts }: PlannedUpgrader, begun: HostId[]): Promise<End> {
  const build = buildOf(image);
  for (const host of hosts) {
    const ending = await gate(run);
    if (ending !== 'go') return ending;
    const summary = `start build ${build} on ${host}`;
    begun.push(host);
    const result = await insist(run, summary, async () =>
      run.during(waitFor(run, host, summary), async () =>
        onHost.startSuccessor.executeWithOptions({ summary }, [inputOf(run, image, host)]),
      ),
    );
    if (result === null) return run.wishes.ending ?? 'abort';
    if (result.outcome !== 'failed') continue;
    const { message: because } = result;
    run.decide({ rule: 'self-upgrade', decision: `build ${build} does not take over`, because, by: 'policy' });
    run.error = `the upgrader's successor did not come up: ${because}; the workers of before stay, nothing else was touched`;
    return 'failed';
  }
  return gate(run);
}

/** false: the operator ended the upgrade while Temporal could not be asked. */
async function switchWorkers(run: Run, { image, hosts }: PlannedUpgrader): Promise<boolean> {
  const build = buildOf(image);
  const { fleet, upgrade } = run.input;
  const summary = `make build ${build} current`;
  const result = await insist(run, summary, async () =>
    run.during({ what: summary, host: null, movedOnBy: 'Temporal' }, async () =>
      quick.switchWorkers.executeWithOptions({ summary }, [{ fleet, upgrade, image, hosts }]),
    ),
  );
  if (result === null) return false;
  const because = `its workers ask for work on ${hosts.join(', ')}; before it was ${result.before ?? 'no version'}`;
  run.decide({ rule: 'self-upgrade', decision: `build ${build} is current`, because, by: 'policy' });
  return true;
}

/** Each by itself: one host that can't be reached leaves no other with a worker that is not wanted. */
async function dropAll(run: Run, { image }: PlannedUpgrader, begun: readonly HostId[]): Promise<void> {
  const build = buildOf(image);
  for (const host of [...begun].reverse()) {
    const summary = `remove build ${build} from ${host}`;
    await run.during({ what: summary, host, movedOnBy: `the engine of ${host}` }, async () =>
      onHost.dropSuccessor.executeWithOptions({ summary }, [inputOf(run, image, host)]),
    );
  }
}

export const inputOf = (run: Run, image: string, host: HostId): SuccessorInput => {
  const { fleet, upgrade, policy } = run.input;
  return { fleet, upgrade, image, host, deadlineMs: policy.downloadDeadlineMs };
};

export const waitFor = (run: Run, host: HostId, what: string): Wait => {
  const until = Date.now() + run.input.policy.downloadDeadlineMs;
  return { what, host, until, movedOnBy: `the engine of ${host}, the registry and Temporal` };
};
