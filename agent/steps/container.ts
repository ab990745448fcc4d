import { z } from 'zod';
import { EngineError, type ContainerEngine, type ContainerState, type RestartPolicy } from '../../model/engine.ts';
import type { ContainerStep } from '../../model/release.ts';
import { pause } from '../../drivers/pause.ts';
import { sha256 } from '../releases.ts';
import { keepContainer } from './kept-containers.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';

/** How long an engine that does not answer is waited for: an earlier step may have restarted it; ms. */
const ENGINE_WAIT_MS = 60_000;
const ENGINE_RETRY_MS = 500;
/** Time for the old container to end by itself; s. */
const STOP_SECONDS = 10;
/** How long a started container has to stay up before it counts as running; ms. */
const SETTLE_MS = 1_000;
const LOOK_PERIOD_MS = 100;

/** Digits that tell kept containers apart: a handful are kept. */
const OLD_DIGITS = 8;

/** The container of the name before the step. */
const Before = z.object({
  container: z.object({ id: z.string(), running: z.boolean(), restartPolicy: z.string() }).nullable(),
});

/**
 * An infrastructure container, replaced in place. Nothing is pulled: its image came with the download.
 *
 * 1. The new one is created before the old one stops.
 * 2. The old one is renamed and kept, stopped, as long as its upgrade's journal: the way back starts it again, as it was.
 * 3. Every call finds the containers by name, label and id, so that a repeat after a kill goes on where it ended.
 */
export const containerKind = (engine: ContainerEngine): StepKind<ContainerStep> => ({
  check: async (step, site) => differenceOf(step, await inspect(engine, step.name, site)) === null,
  capture: async (step, site) => {
    const found = await inspect(engine, step.name, site);
    // What upgrades kept whose way back is no longer kept.
    for (const unneeded of keepContainer(site.places, site.journal, oldName(step, site))) {
      await engine.removeContainer(unneeded, { force: true, signal: site.signal });
    }
    if (found === null) return { container: null };
    return { container: { id: found.id, running: found.running, restartPolicy: found.restartPolicy } };
  },
  apply: (step, site) => replace(engine, step, site),
  verify: async (step, site) => {
    const found = await inspect(engine, step.name, site);
    const measured = { [`container:${step.name}`]: found?.image ?? 'absent' };
    return { problem: differenceOf(step, found), measured };
  },
  undo: (step, site) => putBack(engine, step, site),
  settle: nothingToSettle,
  probe: async (step, site) => {
    try {
      const isThere = await engine.imagePresent(step.image, site.signal);
      return { ok: isThere, evidence: `the engine answers; ${step.image} is ${isThere ? 'there' : 'missing'}` };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return { ok: false, evidence: error.message };
    }
  },
});

async function replace(engine: ContainerEngine, step: ContainerStep, site: StepSite): Promise<void> {
  const { signal } = site;
  const earlier = Before.parse(site.before).container;
  let current = await inspect(engine, step.name, site);
  if (!isOurs(step, current)) {
    await engine.createContainer({ ...specOf(step, site), name: newName(step) }, signal);
    if (current !== null && current.id === earlier?.id) {
      await engine.setRestartPolicy(current.id, 'no', signal);
      await engine.stopContainer(current.id, { timeoutS: STOP_SECONDS, signal });
      await engine.renameContainer(current.id, oldName(step, site), signal);
    } else if (current !== null) {
      throw new Error(`container ${step.name} was replaced by somebody else meanwhile (${current.id.slice(0, 12)})`);
    }
    await engine.renameContainer(newName(step), step.name, signal);
    current = await inspect(engine, step.name, site);
  }
  if (current === null) throw new Error(`container ${step.name} is not there after it was created`);
  await engine.startContainer(current.id, signal);
  await stayUp(engine, step, site);
}

/** Up, and healthy where the image says how to tell. */
async function stayUp(engine: ContainerEngine, step: ContainerStep, site: StepSite): Promise<void> {
  const looks = Math.ceil(step.timeoutMs / LOOK_PERIOD_MS);
  let up = 0;
  for (let look = 0; look < looks; look += 1) {
    const found = await inspect(engine, step.name, site);
    if (found?.running !== true || found.health === 'unhealthy') {
      throw new Error(
        `container ${step.name} did not stay up: ${found?.status ?? 'absent'}, exit code ${found?.exitCode ?? 'unknown'}`,
      );
    }
    up += LOOK_PERIOD_MS;
    if (up >= SETTLE_MS && found.health !== 'starting') return;
    await pause(LOOK_PERIOD_MS, site.signal);
    site.signal.throwIfAborted();
  }
  throw new Error(`container ${step.name} was not healthy within ${Math.round(step.timeoutMs / 1000)} s`);
}

async function putBack(engine: ContainerEngine, step: ContainerStep, site: StepSite): Promise<void> {
  const { signal } = site;
  const earlier = Before.parse(site.before).container;
  const current = await inspect(engine, step.name, site);
  await engine.removeContainer(newName(step), { force: true, signal });
  if (current !== null && current.id !== earlier?.id) await engine.removeContainer(current.id, { force: true, signal });
  if (earlier === null) return;
  const kept = await engine.inspectContainer(earlier.id, signal);
  if (kept === null) throw new Error(`the container ${step.name} from before (${earlier.id.slice(0, 12)}) is gone`);
  if (kept.name !== step.name) await engine.renameContainer(earlier.id, step.name, signal);
  await engine.setRestartPolicy(earlier.id, restartPolicy(earlier.restartPolicy), signal);
  if (earlier.running) await engine.startContainer(earlier.id, signal);
}

/** Waits for an engine that is away for a moment, as after its own upgrade. */
async function inspect(engine: ContainerEngine, name: string, site: StepSite): Promise<ContainerState | null> {
  const attempts = ENGINE_WAIT_MS / ENGINE_RETRY_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await engine.inspectContainer(name, site.signal);
    } catch (error) {
      const isAway = error instanceof EngineError && error.kind === 'unreachable';
      if (!isAway || attempt >= attempts) throw error;
      await pause(ENGINE_RETRY_MS, site.signal);
      site.signal.throwIfAborted();
    }
  }
}

function differenceOf(step: ContainerStep, found: ContainerState | null): string | null {
  if (found === null) return `container ${step.name} is not there`;
  if (!isOurs(step, found))
    return `container ${step.name} runs ${found.image} or another configuration, expected ${step.image}`;
  return found.running ? null : `container ${step.name} is ${found.status}`;
}

const isOurs = (step: ContainerStep, found: ContainerState | null): boolean =>
  found?.labels[CONFIG_LABEL] === configOf(step);

const CONFIG_LABEL = 'dev.refit.config';

/** Digest of all that makes the container what it is, image included. */
function configOf(step: ContainerStep): string {
  const { image, command, env, ports, volumes, network, restart } = step;
  return sha256(JSON.stringify({ image, command, env: Object.entries(env).sort(), ports, volumes, network, restart }));
}

const specOf = (
  step: ContainerStep,
  site: StepSite,
): Omit<Parameters<ContainerEngine['createContainer']>[0], 'name'> => ({
  image: step.image,
  command: step.command,
  env: step.env,
  ports: step.ports,
  volumes: step.volumes,
  network: step.network,
  restart: step.restart,
  labels: { 'dev.refit.upgrade': site.upgrade, 'dev.refit.step': step.id, [CONFIG_LABEL]: configOf(step) },
});

const newName = (step: ContainerStep): string => `${step.name}.refit-new`;
/** One for each upgrade that is kept, so that several can be undone one after another. */
const oldName = (step: ContainerStep, site: StepSite): string =>
  `${step.name}.refit-old-${sha256(`${site.journal}/${site.index}`).slice(0, OLD_DIGITS)}`;

function restartPolicy(name: string): RestartPolicy {
  return name === 'always' || name === 'unless-stopped' || name === 'on-failure' ? name : 'no';
}
