import { lookOver } from '../drivers/probe.ts';
import { unreachable } from '../model/assert.ts';
import type { Probe } from '../model/release.ts';
import { lastWords, quote, runCommand } from './commands.ts';
import { LOOK_MS } from './health.ts';
import type { Probes } from './ports.ts';
import { isRunning, readUnit } from './steps/unit.ts';

/** Looks at a host's health from the host itself: nothing outside it is asked. */
export const hostProbes: Probes = {
  check: async (probe, signal) => {
    try {
      return await look(probe, signal);
    } catch (error) {
      return `${nameOf(probe)}: ${error instanceof Error ? error.message : String(error)}`;
    }
  },
};

async function look(probe: Probe, signal: AbortSignal): Promise<string | null> {
  switch (probe.type) {
    case 'http':
    case 'tcp':
      return lookOver(probe, signal);
    case 'exec': {
      const end = await runCommand(probe.command, { timeoutMs: LOOK_MS, signal });
      return end.exitCode === 0 ? null : `${nameOf(probe)} exited with ${end.exitCode}: ${lastWords(end)}`;
    }
    case 'unit': {
      const { activeState } = await readUnit(probe.unit, signal);
      return isRunning(activeState) ? null : `${nameOf(probe)} is ${activeState}`;
    }
    default:
      return unreachable(probe);
  }
}

const nameOf = (probe: Probe): string =>
  probe.type === 'exec' ? quote(probe.command) : probe.type === 'unit' ? probe.unit : probe.type;
