import { connect } from 'node:net';
import { unreachable } from '../model/assert.ts';
import type { Probe } from '../model/release.ts';
import { lastWords, quote, runCommand } from './commands.ts';
import type { Probes } from './ports.ts';
import { isRunning, readUnit } from './steps/unit.ts';

/** Most of an answer that is read for `contains`; characters. */
const MAX_BODY = 1024 ** 2;
/** Longest run of a probe's command; ms. The look as a whole is bounded by who asks. */
const EXEC_MS = 5_000;

/** Looks at a host's health from the host itself: nothing outside it is asked. */
export const hostProbes: Probes = {
  check: async (probe, signal) => {
    try {
      return await look(probe, signal);
    } catch (error) {
      return `${nameOf(probe)}: ${reasonOf(error)}`;
    }
  },
};

async function look(probe: Probe, signal: AbortSignal): Promise<string | null> {
  switch (probe.type) {
    case 'http':
      return lookHttp(probe, signal);
    case 'tcp':
      await connectOnce(probe, signal);
      return null;
    case 'exec': {
      const end = await runCommand(probe.command, { timeoutMs: EXEC_MS, signal });
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

async function lookHttp(probe: Extract<Probe, { type: 'http' }>, signal: AbortSignal): Promise<string | null> {
  // One connection a look: a pooled one may lead to a process that is gone.
  const response = await fetch(probe.url, { signal, redirect: 'manual', headers: { connection: 'close' } });
  if (response.status !== probe.status) {
    await response.body?.cancel();
    return `${nameOf(probe)} answered ${response.status}, expected ${probe.status}`;
  }
  if (probe.contains === null) {
    await response.body?.cancel();
    return null;
  }
  const body = (await response.text()).slice(0, MAX_BODY);
  return body.includes(probe.contains) ? null : `${nameOf(probe)} answered without "${probe.contains}"`;
}

function connectOnce({ host, port }: { host: string; port: number }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function nameOf(probe: Probe): string {
  switch (probe.type) {
    case 'http':
      return probe.url;
    case 'tcp':
      return `tcp ${probe.host}:${probe.port}`;
    case 'exec':
      return quote(probe.command);
    case 'unit':
      return probe.unit;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed" and keeps the reason below.
  return error instanceof TypeError && error.cause instanceof Error ? error.cause.message : error.message;
}
