import { createEngine } from '../drivers/docker/engine.ts';
import type { ContainerSummary } from '../model/engine.ts';
import type { Fleet, FleetHost } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';

/** Longest wait for a host's engine; ms. They are asked side by side. */
const ENGINE_TIMEOUT_MS = 5_000;

type Labels = Readonly<Record<string, string>>;

/** What one host's engine shows, or why it doesn't. */
export type HostContainers =
  { readonly host: HostId; readonly containers: readonly ContainerSummary[] } | { readonly problem: string };

/** The containers with all these labels on every host, in the fleet's order. */
export const readContainers = (fleet: Fleet, labels: Labels): Promise<readonly HostContainers[]> =>
  Promise.all(fleet.hosts.map((host) => askHost(host, labels)));

async function askHost(host: FleetHost, labels: Labels): Promise<HostContainers> {
  try {
    const signal = AbortSignal.timeout(ENGINE_TIMEOUT_MS);
    const containers = await createEngine(host.engine, host.name).listContainers(labels, signal);
    return { host: host.name, containers };
  } catch (error) {
    // An engine that is away is a fact about its host, whatever the reason; the others are looked at all the same.
    return { problem: `host ${host.name}: ${error instanceof Error ? error.message : String(error)}` };
  }
}
