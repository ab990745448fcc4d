import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAtWork } from '../../model/agent-phase.ts';
import type { Clock } from '../../model/ports.ts';
import type { ServiceManager } from '../../drivers/systemd.ts';
import { phaseOf } from '../core/state.ts';
import { readJournals } from '../local/journals.ts';
import { aliveMark, type Places } from '../places.ts';
import { findAgent, putAgent, readText, type Found } from '../trial/put-agent.ts';
import { standingTrial, type Agent, type Trial } from '../trial/trial.ts';
import { beginTrial, followTrial } from './follow-trial.ts';
import { TRIAL_UNIT } from '../trial/unit-file.ts';
import { AGENT_UNIT, unitFile } from './unit-file.ts';

/** How long the first agent of a host may take to come up; ms. It starts in half a second, on an emulated host that is busy in twenty. */
const UP_MS = 60_000;
const LOOK_MS = 50;
/** Versions of the agent that stay: the one that runs and the one to go back to. */
const KEPT_AGENTS = 2;
/** Trials of others that one job waits for before its own turn: more is somebody who starts jobs in a circle. */
const MAX_STANDING = 3;

export type AgentInstall = {
  readonly places: Places;
  readonly services: ServiceManager;
  readonly clock: Clock;
  readonly version: string;
  readonly configText: string;
  readonly proof: Trial['proof'];
  readonly proofMs: number;
};

/** kept: it is at work and was not disturbed; the next download tries again. */
export type AgentOutcome = { readonly agent: string; readonly outcome: 'running' | 'started' | 'replaced' | 'kept' };

/**
 * Makes the agent of this release the one that runs.
 *
 * 1. One that runs already, with the same version and configuration, is left alone; so is one that is at work.
 * 2. Another one is put on trial: the host itself lets the new one prove itself, or takes the old one back. This job only
 *    asks for it and waits, and may be killed at any instant; another one finds the trial at work and waits for it.
 * 3. Where there is no other agent to go back to, the new one is started, and has to come up.
 */
export async function installAgent(install: AgentInstall): Promise<AgentOutcome> {
  const wanted = { version: install.version, config: install.configText, unit: unitFile() };
  for (let count = 0; count < MAX_STANDING; count += 1) {
    const standing = standingTrial(install.places);
    const outcome = standing === null ? await replaceAgent(install, wanted) : await endTrial(install, standing, wanted);
    if (outcome !== null) return outcome;
  }
  throw new Error(
    `agent ${wanted.version} had no turn: ${MAX_STANDING} trials of other agents came before; try again later`,
  );
}

/** null: another job's trial was quicker. */
async function replaceAgent(install: AgentInstall, wanted: Agent): Promise<AgentOutcome | null> {
  const { places, services } = install;
  const found = findAgent(places);
  const isActive = found.unit !== null && (await services.activeState(AGENT_UNIT)) === 'active';
  const isWanted = isSame(found, wanted);
  if (isActive && isWanted) return { agent: wanted.version, outcome: 'running' };
  if (isActive && found.version !== null && isBusy(places)) return { agent: found.version, outcome: 'kept' };
  const before = wholeAgent(places, found);
  if (before === null || isWanted) return startFirst(install, wanted);
  const trial = await beginTrial(install, { from: before, to: wanted, wasActive: isActive });
  return trial === null ? null : endOf(install, await followTrial(install, trial));
}

/** One of this very agent is as good as ours: a job that did not live began it. null: it was another's, and is over. */
async function endTrial(install: AgentInstall, standing: Trial, wanted: Agent): Promise<AgentOutcome | null> {
  await install.services.start(TRIAL_UNIT);
  const ended = await followTrial(install, standing);
  return isSame(ended.to, wanted) ? endOf(install, ended) : null;
}

function endOf({ places }: AgentInstall, { from, to, wasActive, stand }: Trial): AgentOutcome {
  if (stand.phase === 'kept') return { agent: from.version, outcome: 'kept' };
  if (stand.phase === 'returned') throw new Error(`${stand.why}; ${backAs(from, stand.isBack)}`);
  pruneAgents(places, [to.version, from.version]);
  return { agent: to.version, outcome: wasActive ? 'replaced' : 'started' };
}

const backAs = ({ version }: Agent, isBack: boolean): string =>
  isBack ? `agent ${version} runs again` : `agent ${version} was started again and has not come up yet; ${LOOK_THERE}`;

const LOOK_THERE = `look on the host: journalctl -u ${AGENT_UNIT}`;

const isSame = (one: Found, other: Agent): boolean =>
  one.version === other.version && one.config === other.config && one.unit === other.unit;

/** null: a part of it is missing, so that there is nothing to go back to. */
function wholeAgent(places: Places, { version, config, unit }: Found): Agent | null {
  if (version === null || config === null || unit === null) return null;
  return existsSync(join(places.agents, version)) ? { version, config, unit } : null;
}

async function startFirst(install: AgentInstall, agent: Agent): Promise<AgentOutcome> {
  const { places, services } = install;
  rmSync(aliveMark(places), { force: true });
  putAgent(places, agent);
  await services.reload();
  await services.enable(AGENT_UNIT);
  await services.restart(AGENT_UNIT);
  if (!(await comesUp(install))) {
    const state = await services.activeState(AGENT_UNIT);
    const problem = `agent ${agent.version} did not come up within ${UP_MS / 1000} s: ${AGENT_UNIT} is ${state}`;
    throw new Error(`${problem}; ${LOOK_THERE}`);
  }
  pruneAgents(places, [agent.version]);
  return { agent: agent.version, outcome: 'started' };
}

/** The agent leaves a mark once it has read the journals and listens; a unit that is merely active may crash in a loop. */
async function comesUp({ places, services, clock, version }: AgentInstall): Promise<boolean> {
  const until = clock.now() + UP_MS;
  while (clock.now() < until) {
    if (readText(aliveMark(places)) === version && (await services.activeState(AGENT_UNIT)) === 'active') return true;
    await clock.sleep(LOOK_MS);
  }
  return false;
}

const isBusy = (places: Places): boolean => isAtWork(phaseOf(readJournals(places)));

/** Both agents of a trial stay until it is over. */
function pruneAgents(places: Places, newest: readonly string[]): void {
  const standing = standingTrial(places);
  const onTrial = standing === null ? [] : [standing.from.version, standing.to.version];
  const kept = [...newest.slice(0, KEPT_AGENTS), ...onTrial, 'current', 'next'];
  for (const name of readdirSync(places.agents).filter((name) => !kept.includes(name)))
    rmSync(join(places.agents, name), { recursive: true, force: true });
}
