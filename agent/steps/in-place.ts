import type { ContainerEngine, ContainerState, ContainerWish } from '../../model/engine.ts';
import { asideName, memoryLabels, workLabels, type ContainerHealth } from '../../model/replacement.ts';
import { pause } from '../../drivers/pause.ts';
import type { HostStep } from '../host-work.ts';
import { askPatiently, inspectPatiently } from './engine-wait.ts';
import { noteKept } from './kept-containers.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';
import { Before, putBackInPlace } from './put-back.ts';

/** How long a started container has to stay up before it counts as running; ms. */
export const SETTLE_MS = 1_000;

/** What a step wants of one container. */
export type ContainerAim = Omit<ContainerWish, 'signal'> & {
  readonly health: ContainerHealth;
  /** running: it runs afterwards, whatever it did before · asBefore: one that was stopped stays stopped. */
  readonly after: 'running' | 'asBefore';
};

/**
 * A container that is replaced in place, by the code that does it anywhere. Nothing is pulled.
 *
 * 1. The engine's own state says how far a replacement is: a repeat after a kill goes on where it ended.
 * 2. The old one is kept, stopped, as long as its upgrade's journal; the way back starts it again, as it was.
 * 3. A replacement that left the old one aside is not there yet, whatever runs.
 */
export function inPlaceKind<Kind extends HostStep>(
  engine: ContainerEngine,
  { aimOf, probe }: { readonly aimOf: (step: Kind) => ContainerAim; readonly probe: StepKind<Kind>['probe'] },
): StepKind<Kind> {
  return {
    check: async (step, site) => (await lookAt(engine, aimOf(step), site)).problem === null,
    capture: async (step, site) => {
      const { container } = aimOf(step);
      const found = await inspectPatiently(engine, container, site.signal);
      if (found === null) return { container: null };
      await noteKept(engine, site, { container, id: found.id });
      return { container: { id: found.id, running: found.running, restartPolicy: found.restartPolicy } };
    },
    apply: (step, site) => replace(engine, { step, aim: aimOf(step) }, site),
    verify: async (step, site) => {
      const { container } = aimOf(step);
      const { found, problem } = await lookAt(engine, aimOf(step), site);
      return { problem, measured: { [`container:${container}`]: found?.image ?? 'absent' } };
    },
    undo: (step, site) => putBackInPlace(engine, aimOf(step).container, site),
    settle: nothingToSettle,
    probe,
  };
}

type Wanted = { readonly step: HostStep; readonly aim: ContainerAim };

async function replace(engine: ContainerEngine, { step, aim }: Wanted, site: StepSite): Promise<void> {
  const { signal } = site;
  const { after, ...wish } = aim;
  const outcome = await askPatiently(signal, () =>
    engine.replaceContainer({
      ...wish,
      labels: { [workLabels.upgrade]: site.upgrade, [workLabels.step]: step.id },
      keepOld: true,
      until: 'healthy',
      onFailure: 'putBack',
      failed: null,
      signal,
    }),
  );
  if (outcome.outcome === 'stopped') throw new Error(`container ${aim.container} was only stopped`);
  if (outcome.outcome !== 'alreadyThere' && outcome.outcome !== 'replaced') throw new Error(outcome.reason);
  if (after === 'running') await run(engine, outcome.id, site);
}

/** One that was stopped before is replaced by one that is. */
async function run(engine: ContainerEngine, id: string, { signal }: StepSite): Promise<void> {
  const found = await inspectPatiently(engine, id, signal);
  if (found?.running === true) return;
  await engine.startContainer(id, signal);
  await pause(SETTLE_MS, signal);
  signal.throwIfAborted();
  const started = await inspectPatiently(engine, id, signal);
  if (started?.running === true) return;
  throw new Error(`container ${found?.name ?? id} did not stay up: ${stateOf(started)}`);
}

type Look = { readonly found: ContainerState | null; readonly problem: string | null };

async function lookAt(engine: ContainerEngine, aim: ContainerAim, { before, signal }: StepSite): Promise<Look> {
  const { container, image } = aim;
  const found = await inspectPatiently(engine, container, signal);
  if (found === null) return { found, problem: `container ${container} is not there` };
  const compared = await askPatiently(signal, () => engine.compareContainer({ ...aim, signal }));
  if (compared !== 'same') {
    return {
      found,
      problem: `container ${container} runs ${found.image} or another configuration, expected ${image}`,
    };
  }
  const replaces = found.labels[memoryLabels.replaces] ?? '';
  const aside = replaces === '' ? null : await engine.inspectContainer(asideName(container, replaces), signal);
  if (aside !== null) return { found, problem: `container ${container} is in place, and ${aside.name} not put away` };
  const mayBeStopped =
    aim.after === 'asBefore' && (before === null || Before.parse(before).container?.running !== true);
  const runs = found.running || mayBeStopped;
  return { found, problem: runs ? null : `container ${container} is ${stateOf(found)}` };
}

const stateOf = (found: ContainerState | null): string =>
  found === null ? 'gone' : `${found.status}, exit code ${found.exitCode}`;
