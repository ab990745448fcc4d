import { ActivityFailure, isCancellation, rootCause, setHandler, sleep, TemporalFailure } from '@temporalio/workflow';
import type { ContainerInput, ContainerReading } from '../activities/member-activities.ts';
import type { ContainerProgress, ContainerUpgrade, ContainerUpgradeInput } from '../model/container-upgrade.ts';
import { failureTypes } from '../model/failures.ts';
import type { ReplacementOutcome } from '../model/replacement.ts';
import { defaultServicePolicy } from '../model/service.ts';
import { ContainerRun } from './container-run.ts';
import { isOfType } from './gate.ts';
import { pullPatiently } from './image-pull.ts';
import { startKeeping } from './keep-container.ts';
import { containerProgress } from './messages.ts';
import { atEngine, onHost, soon } from './proxies.ts';
import { putContainerBack } from './put-container-back.ts';

/** One container in place: read, resolve, pull, replace; or the container that was kept takes its place again. */
export async function upgradeContainer(input: ContainerUpgradeInput): Promise<ContainerProgress> {
  const run = new ContainerRun(input);
  setHandler(containerProgress, () => run.progress(), { description: 'state, stage, what it waits for' });
  const { action } = input;
  try {
    return await (action.action === 'rollback' ? putContainerBack(run) : upgrade(run, action));
  } catch (error) {
    if (!(error instanceof TemporalFailure) || run.isOver()) throw error;
    if (isOfType(error, [failureTypes.wrongInput]))
      throw run.fail(failureTypes.wrongInput, rootCause(error) ?? 'wrong input');
    const again = 'the same command again goes on from where the host is';
    const cause = isCancellation(error) ? 'cancelled in Temporal' : (rootCause(error) ?? 'unknown cause');
    throw run.fail(failureTypes.upgradeFailed, `${run.name()}: ${cause}; ${again}`);
  }
}

async function upgrade(run: ContainerRun, action: ContainerUpgrade): Promise<ContainerProgress> {
  const { container, host } = run.input;
  run.begin('reading');
  const before = await read(run);
  if (before === null) {
    const remedy = `docker ps -a on ${host} lists what there is`;
    throw run.fail(failureTypes.wrongInput, `host ${host} has no container ${container}; ${remedy}`);
  }
  run.found(before);
  const image = await resolve(run, action.image);
  const isPulled = await pull(run, image);
  return conclude(run, action, { image, isPulled, outcome: await replace(run, action, image) });
}

async function read(run: ContainerRun): Promise<ContainerReading | null> {
  const { host } = run.input;
  const wait = { what: `the engine of ${host} to answer`, host, movedOnBy: `the engine of ${host}` };
  const summary = `read ${run.name()}`;
  return run.waits.during(wait, async () => soon.readContainer.executeWithOptions({ summary }, [containerOf(run)]));
}

/** The reference that the engine is given. */
async function resolve(run: ContainerRun, image: string): Promise<string> {
  const { fleet, upgrade, host } = run.input;
  run.begin('resolving');
  const wait = { what: `what ${image} means`, host, movedOnBy: 'the registry' };
  const resolved = await run.waits.during(wait, async () =>
    soon.resolveImage.executeWithOptions({ summary: `resolve ${image}` }, [{ fleet, upgrade, image, hosts: [host] }]),
  );
  run.resolved(resolved);
  return resolved.reference;
}

/** Whether it was this upgrade that brought the image. */
async function pull(run: ContainerRun, image: string): Promise<boolean> {
  const { fleet, upgrade, host } = run.input;
  run.begin('pulling');
  const { environmentRetryMs: retryMs, environmentRetries: retries } = defaultServicePolicy;
  const result = await pullPatiently(
    { fleet, upgrade, host, image },
    {
      ...{ retryMs, retries },
      during: async (wait, step) => run.waits.during(wait, step),
      pass: async (ms) => sleep(ms),
    },
  );
  if (result.outcome !== 'failed') return result.outcome === 'pulled';
  const type = result.kind === 'input' ? failureTypes.wrongInput : failureTypes.upgradeFailed;
  throw run.fail(type, `${run.name()} was not touched: ${result.message}`);
}

async function replace(run: ContainerRun, action: ContainerUpgrade, image: string): Promise<ReplacementOutcome> {
  const { settings, envFile, health, keepOldMs } = action;
  const { host } = run.input;
  run.begin('replacing', 'Updating');
  const wait = {
    what: `the new ${run.name()} to be healthy`,
    host,
    movedOnBy: `the engine of ${host}, or the deadline`,
  };
  const summary = `replace ${run.name()}`;
  return run.waits.during({ ...wait, until: Date.now() + health.deadlineMs }, async () =>
    onHost.replaceMember.executeWithOptions({ summary }, [
      {
        ...containerOf(run),
        ...{ image, settings, envFile, health, mode: 'inPlace', keepOld: keepOldMs > 0 },
        ...{ until: 'healthy', onFailure: 'putBack' },
      },
    ]),
  );
}

type Replaced = { readonly image: string; readonly isPulled: boolean; readonly outcome: ReplacementOutcome };

async function conclude(
  run: ContainerRun,
  { keepOldMs }: ContainerUpgrade,
  { image, isPulled, outcome }: Replaced,
): Promise<ContainerProgress> {
  switch (outcome.outcome) {
    case 'replaced':
      run.replaced(outcome);
      await keep(run, outcome.previous?.keptAs == null ? null : outcome.previous.id, keepOldMs);
      return run.end('succeeded');
    case 'alreadyThere':
      run.place(outcome.id);
      return alreadyThere(run, keepOldMs);
    case 'putBack':
      if (isPulled) await removeImage(run, image);
      return run.end('rolledBack', outcome.reason);
    case 'refused':
      if (isPulled) await removeImage(run, image);
      throw run.fail(failureTypes.wrongInput, `${run.name()} was not touched: ${outcome.reason}`);
    case 'stuck':
    case 'failed':
      throw run.fail(failureTypes.upgradeFailed, `${run.name()} needs a person: ${outcome.reason}`);
    case 'stopped':
      throw run.fail(failureTypes.upgradeFailed, `${run.name()} was left stopped; the same command again goes on`);
  }
}

/** An attempt whose answer was lost may have been this upgrade's own. */
async function alreadyThere(run: ContainerRun, keepOldMs: number): Promise<ContainerProgress> {
  const summary = `read ${run.name()} again`;
  const now = await atEngine.readContainer.executeWithOptions({ summary }, [containerOf(run)]);
  if (now?.upgrade !== run.input.upgrade) return run.end('alreadyThere');
  await keep(run, now.kept[0] ?? null, keepOldMs);
  return run.end('succeeded');
}

async function keep(run: ContainerRun, id: string | null, forMs: number): Promise<void> {
  if (forMs === 0 || id === null) return;
  run.keep(Date.now() + forMs);
  await startKeeping({ ...containerOf(run), id, forMs });
}

/** Nothing came of it; an image that stays does no harm. */
async function removeImage(run: ContainerRun, image: string): Promise<void> {
  try {
    const summary = `remove ${image}, which nothing came of`;
    await soon.removePulledImage.executeWithOptions({ summary }, [{ ...containerOf(run), image }]);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    run.note(`image ${image} stays on ${run.input.host}: ${rootCause(error) ?? 'it could not be removed'}`);
  }
}

const containerOf = ({ input: { fleet, upgrade, host, container } }: ContainerRun): ContainerInput => ({
  ...{ fleet, upgrade, host, container },
});
