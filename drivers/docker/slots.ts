import type { SlotEngine } from '../../model/engine.ts';
import type { EngineConnection } from './connection.ts';
import { putFiles } from './files.ts';
import { connectNetwork, disconnectNetwork, ensureNetwork, removeNetwork } from './networks.ts';
import { lookAt } from './replacement/look.ts';
import { waitUntilWell } from './replacement/well.ts';
import { removeVolumes } from './volumes.ts';

/** What a unit's slot is made of besides its containers. */
export function createSlots(connection: EngineConnection): SlotEngine {
  return {
    ensureNetwork: (network, signal) => ensureNetwork({ connection, signal }, network),
    connectNetwork: (wanted, signal) => connectNetwork({ connection, signal }, wanted),
    disconnectNetwork: (wanted, signal) => disconnectNetwork({ connection, signal }, wanted),
    removeNetwork: (name, signal) => removeNetwork({ connection, signal }, name),
    putFiles: (container, files, signal) => putFiles({ connection, container, signal }, files),
    awaitHealth: async (container, health, signal) => {
      const site = { connection, container, signal };
      const found = await lookAt(site, container);
      if (found === null) return 'there is no container of that name';
      // One that serves both slots may have run for weeks, and been restarted with its host.
      return waitUntilWell(site, { id: found.id, health, mayHaveRestarted: true, onLook: () => undefined });
    },
    removeVolumes: (prefix, signal) => removeVolumes({ connection, signal }, prefix),
  };
}
