import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { end, findMarked } from './detached.ts';
import { docker, labContainers, labFolders, labNetworks, labVolumes } from './docker.ts';
import { releaseEngine, reviveEngine } from './engine.ts';
import { STATE_FILE, type LabPaths } from './paths.ts';
import type { Say } from './programs.ts';

/** Removing eight hosts with their volumes takes seconds. */
const REMOVE_DEADLINE_MS = 120_000;

export type DownResult = { readonly kind: 'down' } | { readonly kind: 'refused'; readonly reason: string };

/**
 * Removes everything that the lab has brought, found by its marks, so that a half-made or forgotten lab goes as well.
 * The cache stays.
 */
export async function takeDown(lab: string, paths: LabPaths, say: Say): Promise<DownResult> {
  const hasEngine = await reviveEngine(say);
  if (!hasEngine && existsSync(paths.stateFile)) {
    throw new Error(
      `no Docker Engine is reached, so the containers of lab ${lab} can't be removed; start it and repeat this`,
    );
  }
  const folders = new Set([paths.folder, ...(hasEngine ? await labFolders(lab) : [])]);
  const foreign = [...folders].find((folder) => folder !== paths.folder && existsSync(join(folder, STATE_FILE)));
  if (foreign !== undefined)
    return { kind: 'refused', reason: `lab ${lab} belongs to ${foreign}; take it down from there` };
  await endProcesses([...folders], say);
  if (hasEngine) {
    await removeContainers(lab, say);
    const engine = await releaseEngine();
    if (engine !== undefined) say(engine);
  }
  await rm(paths.folder, { recursive: true, force: true });
  await rm(paths.fleetFile, { force: true });
  await removeIfEmpty(dirname(paths.folder));
  return { kind: 'down' };
}

async function endProcesses(folders: readonly string[], say: Say): Promise<void> {
  const processes = folders.flatMap(findMarked);
  await Promise.all(processes.map((found) => end(found)));
  const count = processes.length === 1 ? 'one process' : `${processes.length} processes`;
  if (processes.length > 0) say(`stopped Temporal, the worker and the API (${count})`);
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
