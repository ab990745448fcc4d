import { join } from 'node:path';
import { buildUpgraderImage, pushUpgrader } from '../client/upgrader-build.ts';
import { findOtherBuild, startUpgrader } from '../client/upgrader-start.ts';
import { loadFleet } from '../drivers/fleet-file.ts';
import { createRegistry } from '../drivers/registry.ts';
import { notYet, ready, waitFor } from './deadline.ts';
import { MARK, isAlive, startDetached, type Detached } from './detached.ts';
import { gatewayAddress } from './network.ts';
import { isListening } from './ports.ts';
import { checkout, type LabPaths } from './paths.ts';
import type { Say } from './programs.ts';
import { REGISTRY_NAME } from './registry.ts';
import { upgraderHosts, writeState, type LabState } from './state.ts';
import { layUpgraderFiles } from './upgrader-files.ts';

/** Where the lab's registry has the upgrader's images. */
const REPOSITORY = `${REGISTRY_NAME}/refit/upgrader`;

/** A forwarder listens half a second after its start, later on a busy machine. */
const FORWARD_DEADLINE_MS = 30_000;

type Request = { readonly paths: LabPaths; readonly say: Say };

/** Worker and API as containers on hosts of the lab; those that are there, of whatever build, are left alone. */
export async function ensureUpgrader({ paths, say }: Request, state: LabState): Promise<LabState> {
  const forwarded = await ensureForwarder(paths, state);
  const imaged = await ensureImage({ paths, say }, forwarded);
  // One after another: the first makes the tokens that all of them have.
  for (const host of upgraderHosts(imaged)) await layUpgraderFiles(paths, imaged, host);
  const image = imaged.upgrader?.image ?? null;
  if (image === null) return imaged;
  const start = { fleet: loadFleet(paths.fleetFile), image, roles: ['worker', 'api'], say } as const;
  // An upgrade may have brought another build since: then there is nothing to start.
  if ((await findOtherBuild(start)) !== null) return imaged;
  const started = await startUpgrader(start);
  const ill = started.filter(({ problem }) => problem !== null);
  if (ill.length === 0) return imaged;
  throw new Error(`not well: ${ill.map(({ host, container }) => `${container} on ${host}`).join(', ')}`);
}

/** Temporal listens on loopback only; on the lab's own network it is reached at the network's gateway. */
async function ensureForwarder(paths: LabPaths, state: LabState): Promise<LabState> {
  const { upgrader, temporal } = state;
  if (upgrader === null || (upgrader.forwarder !== null && isAlive(upgrader.forwarder))) return state;
  const address = gatewayAddress(state.subnet);
  const forwarder = startForwarder(paths, { address, port: temporal.port });
  const next = { ...state, upgrader: { ...upgrader, forwarder } };
  await writeState(paths.stateFile, next);
  const what = `Temporal at ${address}:${temporal.port}`;
  await waitFor({ what, deadlineMs: FORWARD_DEADLINE_MS }, async () =>
    (await isListening(address, temporal.port)) ? ready(true) : notYet('nobody listens there'),
  );
  return next;
}

function startForwarder(
  { folder }: LabPaths,
  { address, port }: { readonly address: string; readonly port: number },
): Detached {
  const main = join(checkout, 'lab', 'forward', 'main.ts');
  return startDetached({
    program: process.execPath,
    args: ['--import', 'tsx', main, address, String(port)],
    log: join(folder, 'forward.log'),
    cwd: checkout,
    env: { [MARK]: folder },
  });
}

async function ensureImage({ paths, say }: Request, state: LabState): Promise<LabState> {
  const { upgrader } = state;
  if (upgrader === null || upgrader.image !== null) return state;
  say('building the upgrader’s image (half a minute)');
  const built = await buildUpgraderImage(join(paths.folder, 'upgrader', 'image'));
  const { registries } = loadFleet(paths.fleetFile);
  const { reference: image } = await pushUpgrader(createRegistry(registries), REPOSITORY, built);
  const next = { ...state, upgrader: { ...upgrader, image } };
  await writeState(paths.stateFile, next);
  return next;
}
