import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { end, findMarked } from './detached.ts';
import { docker, engineVersion, labContainers, labNetworks, labVolumes } from './docker.ts';
import { releaseEngine } from './engine.ts';
import type { LabPaths } from './paths.ts';
import type { Say } from './programs.ts';

/** Removing eight hosts with their volumes takes seconds. */
const REMOVE_DEADLINE_MS = 120_000;

/** Removes everything that the lab has brought, found by its marks, so that a half-made or forgotten lab goes as well. The cache stays. */
export async function takeDown(lab: string, paths: LabPaths, say: Say): Promise<void> {
  const processes = findMarked(paths.folder);
  await Promise.all(processes.map((found) => end(found)));
  if (processes.length > 0) say(`stopped ${processes.length} processes (Temporal, worker)`);
  if ('version' in (await engineVersion())) {
    await removeContainers(lab, say);
    const engine = await releaseEngine();
    if (engine !== undefined) say(engine);
  }
  await rm(paths.folder, { recursive: true, force: true });
  await rm(paths.fleetFile, { force: true });
  await removeIfEmpty(dirname(paths.folder));
}

async function removeContainers(lab: string, say: Say): Promise<void> {
  const options = { deadlineMs: REMOVE_DEADLINE_MS };
  const containers = [...(await labContainers(lab)).keys()];
  if (containers.length > 0) {
    say(`removing ${containers.length} containers (a few seconds)`);
    await docker(['rm', '--force', '--volumes', ...containers], options);
  }
  const networks = await labNetworks(lab);
  if (networks.length > 0) await docker(['network', 'rm', ...networks], options);
  const volumes = await labVolumes(lab);
  if (volumes.length > 0) await docker(['volume', 'rm', '--force', ...volumes], options);
}

async function removeIfEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder).catch(() => undefined);
  if (entries?.length === 0) await rmdir(folder);
}
