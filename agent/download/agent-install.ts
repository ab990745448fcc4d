import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isAtWork } from '../../model/agent-phase.ts';
import type { Clock } from '../../model/ports.ts';
import type { ServiceManager } from '../../drivers/systemd.ts';
import { readDisk } from '../core/reading.ts';
import { phaseOf } from '../core/state.ts';
import { openDisk } from '../disk.ts';
import { syncFolder, writeDurably } from '../durable.ts';
import { aliveMark, type Places } from '../places.ts';
import { AGENT_UNIT, unitFile } from './unit-file.ts';

/** How long a new agent may take to prove itself before the old one comes back; ms. It starts in half a second. */
const PROOF_MS = 15_000;
const LOOK_MS = 50;
/** Versions of the agent that stay: the one that runs and the one to go back to. */
const KEPT_AGENTS = 2;

export type AgentInstall = {
  readonly places: Places;
  readonly services: ServiceManager;
  readonly clock: Clock;
  readonly version: string;
  readonly configText: string;
};

/** kept: it is at work and was not disturbed; the next download tries again. */
export type AgentOutcome = { readonly agent: string; readonly outcome: 'running' | 'started' | 'replaced' | 'kept' };

/**
 * Makes the agent of this release the one that runs.
 *
 * 1. One that runs already, with the same version and configuration, is left alone; so is one that is at work.
 * 2. The new one takes over the journals and proves that it reads them; only then may the old one's files go.
 * 3. If it does not come up, version, configuration and unit of before come back.
 */
export async function installAgent(install: AgentInstall): Promise<AgentOutcome> {
  const { places, services, version } = install;
  const before = readBefore(places);
  const wanted = { version, config: install.configText, unit: unitFile() };
  const isActive = before.unit !== null && (await services.activeState(AGENT_UNIT)) === 'active';
  const isSame = before.version === version && before.config === wanted.config && before.unit === wanted.unit;
  if (isActive && isSame) return { agent: version, outcome: 'running' };
  if (isActive && before.version !== null && isBusy(places)) return { agent: before.version, outcome: 'kept' };
  await takeOver(install, wanted);
  if (await proves(install)) {
    pruneAgents(places, [version, before.version]);
    return { agent: version, outcome: isActive ? 'replaced' : 'started' };
  }
  const state = await services.activeState(AGENT_UNIT);
  const problem = `agent ${version} did not come up within ${PROOF_MS / 1000} s: ${AGENT_UNIT} is ${state}`;
  if (before.version === null) throw new Error(`${problem}; look on the host: journalctl -u ${AGENT_UNIT}`);
  await takeOver(install, before);
  throw new Error(`${problem}; agent ${before.version} runs again`);
}

type Agent = { readonly version: string | null; readonly config: string | null; readonly unit: string | null };

function readBefore(places: Places): Agent {
  const current = join(places.agents, 'current');
  return {
    version: existsSync(current) ? readlinkSync(current) : null,
    config: readText(places.config),
    unit: readText(join(places.units, AGENT_UNIT)),
  };
}

async function takeOver({ places, services }: AgentInstall, agent: Agent): Promise<void> {
  rmSync(aliveMark(places), { force: true });
  if (agent.config !== null) writeDurably(places.config, agent.config, 0o600);
  if (agent.unit !== null) writeDurably(join(places.units, AGENT_UNIT), agent.unit);
  if (agent.version !== null) point(places, agent.version);
  await services.reload();
  await services.enable(AGENT_UNIT);
  await services.restart(AGENT_UNIT);
}

/** Swapped in one step: there is no instant without an agent to start. */
function point(places: Places, version: string): void {
  const next = join(places.agents, 'next');
  rmSync(next, { force: true });
  symlinkSync(version, next);
  renameSync(next, join(places.agents, 'current'));
  syncFolder(places.agents);
}

/** The agent leaves a mark once it has read the journals and listens; a unit that is merely active may crash in a loop. */
async function proves({ places, services, clock, version }: AgentInstall): Promise<boolean> {
  const until = clock.now() + PROOF_MS;
  while (clock.now() < until) {
    if (readText(aliveMark(places)) === version && (await services.activeState(AGENT_UNIT)) === 'active') return true;
    await clock.sleep(LOOK_MS);
  }
  return false;
}

const isBusy = (places: Places): boolean => isAtWork(phaseOf(readDisk(openDisk(places)).state));

function pruneAgents(places: Places, newest: readonly (string | null)[]): void {
  const kept = newest.slice(0, KEPT_AGENTS);
  const old = readdirSync(places.agents).filter(
    (name) => name !== 'current' && name !== 'next' && !kept.includes(name),
  );
  for (const name of old) rmSync(join(places.agents, name), { recursive: true, force: true });
}

const readText = (path: string): string | null => (existsSync(path) ? readFileSync(path, 'utf8') : null);
