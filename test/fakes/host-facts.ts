import type { HostFacts } from '../../model/bus.ts';

/** Of a host with room, and with nothing of refit on it yet. */
export const hostFacts = (changes: Partial<HostFacts> = {}): HostFacts => ({
  ...{ diskFreeBytes: 10 * 1024 ** 3, diskTotalBytes: 20 * 1024 ** 3, kernel: '6.1.0', architecture: 'x86_64' },
  ...{ clockMs: Date.now(), installed: null, agent: null, phase: 'idle', packages: {} },
  ...{ bootLoader: null, engine: null, drift: [] },
  ...changes,
});
