import type { ContainerProgress } from '../model/container-upgrade.ts';
import { failureTypes } from '../model/failures.ts';
import type { ContainerRun } from './container-run.ts';
import { onHost, soon } from './proxies.ts';

/** The container that the last upgrade kept takes its place again. */
export async function putContainerBack(run: ContainerRun): Promise<ContainerProgress> {
  const { fleet, upgrade, host, container } = run.input;
  const target = { fleet, upgrade, host, container };
  run.begin('reading');
  const before = await soon.readContainer.executeWithOptions({ summary: `read ${run.name()}` }, [target]);
  if (before !== null) run.found(before);
  // Named, so that an attempt whose answer was lost is not followed by one that goes further back.
  const to = before?.kept[0];
  run.begin('puttingBack', 'Updating');
  const wait = { what: `the earlier ${run.name()} to run`, host, movedOnBy: `the engine of ${host}` };
  const outcome = await run.waits.during(wait, async () =>
    onHost.putBackMember.executeWithOptions({ summary: `put the earlier ${run.name()} back` }, [
      { ...target, until: 'running', ...(to !== undefined && { to }) },
    ]),
  );
  if (outcome.outcome === 'putBack') {
    run.place(outcome.id);
    return run.end('rolledBack');
  }
  if (outcome.outcome === 'nothingKept') {
    throw run.fail(failureTypes.wrongInput, `${run.name()} can't go back: ${outcome.reason}`);
  }
  const reason = outcome.outcome === 'stuck' ? outcome.reason : 'it was left stopped; the same command again goes on';
  throw run.fail(failureTypes.upgradeFailed, `${run.name()} did not go back: ${reason}`);
}
