import { createEngine } from '../drivers/docker/engine.ts';
import type { EngineInfo } from '../model/engine.ts';
import type { Fleet, FleetHost } from '../model/fleet.ts';

/** Longest wait for a host's engine; ms. They are asked side by side. */
const ENGINE_TIMEOUT_MS = 3_000;

/** What every host's Docker Engine says of itself, in the fleet's order, or why it doesn't. */
export function askEngines(fleet: Fleet): Promise<readonly (EngineInfo | string)[]> {
  return Promise.all(fleet.hosts.map(askEngine));
}

async function askEngine(host: FleetHost): Promise<EngineInfo | string> {
  try {
    return await createEngine(host.engine, host.name).info(AbortSignal.timeout(ENGINE_TIMEOUT_MS));
  } catch (error) {
    // An engine that is away is a fact about its host, whatever the reason; the others are looked at all the same.
    return error instanceof Error ? error.message : String(error);
  }
}
