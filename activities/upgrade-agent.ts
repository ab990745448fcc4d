import { cancellationSignal } from '@temporalio/activity';
import { EngineError } from '../model/engine.ts';
import type { HostId } from '../model/ids.ts';
import { MAX_WAVE_HOSTS } from '../model/plan.ts';
import { imageReference } from '../model/release.ts';
import type { AgentStanding } from '../model/upgrader.ts';
import { whileBeating } from './beating.ts';
import {
  isAlive,
  notAlive,
  pull,
  runJob,
  startAttempt,
  toBeat,
  type Attempt,
  type DownloadPorts,
} from './downloader-job.ts';
import { readHostLevel } from './host-levels.ts';
import { ownFleet } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';
import type {
  AgentInput,
  AgentResult,
  AgentsPage,
  LoadedAgents,
  SelfUpgradeActivities,
} from './self-upgrade-activities.ts';

/** Hosts that are read from the bus at the same time. */
const MAX_PARALLEL = 32;

/** Idempotent: an agent of that version that runs stays. */
export function createUpgradeAgent(ports: DownloadPorts): SelfUpgradeActivities['upgradeAgent'] {
  return async (input) => {
    const attempt = startAttempt(ports, input);
    try {
      return await whileBeating(
        () => toBeat(attempt),
        async () => upgrade(attempt, input),
      );
    } catch (error) {
      attempt.signal.throwIfAborted();
      if (error instanceof EngineError) return { outcome: 'failed', message: error.message };
      throw error;
    }
  };
}

async function upgrade(attempt: Attempt, { fleet, host, release, agent }: AgentInput): Promise<AgentResult> {
  const before = (await readHostLevel(attempt.ports, { fleet, host })).alive?.agent ?? null;
  if (before === agent) return { outcome: 'running', agent };
  const pulled = await pull(attempt, imageReference(release), 0);
  if (!pulled.ok) return { outcome: 'failed', message: pulled.failed.message };
  attempt.progress.phase = 'copying';
  const job = await runJob(attempt, 'agent');
  attempt.progress.phase = 'starting';
  // The host goes back by itself; the bus tells whether it did.
  if (!job.ok) return reverted(attempt, before, job.failed.message);
  if (job.value.outcome === 'kept') return { outcome: 'kept', agent: job.value.agent };
  if (await isAlive(attempt, job.value.agent)) return { outcome: 'replaced', agent: job.value.agent };
  return reverted(attempt, before, notAlive(attempt, job.value.agent).message);
}

/** `before`: the agent that is to be back; it was just started again, so that it takes a moment. */
async function reverted(attempt: Attempt, before: string | null, message: string): Promise<AgentResult> {
  if (before === null || !(await isAlive(attempt, before))) return { outcome: 'failed', message };
  return { outcome: 'reverted', message: `${message}; agent ${before} runs there` };
}

/** Idempotent: reads. A host without an agent that lives gets one with its download. */
export function createLoadAgents(
  ports: Pick<Ports, 'bus' | 'values' | 'loadFleet'>,
): SelfUpgradeActivities['loadAgents'] {
  return async (input) => {
    const count = { read: 0 };
    return whileBeating(
      () => ({ ...count }),
      async () => loadAgents(ports, input, count),
    );
  };
}

async function loadAgents(
  ports: Pick<Ports, 'bus' | 'values' | 'loadFleet'>,
  { fleet, agent, offset }: AgentsPage,
  count: { read: number },
): Promise<LoadedAgents> {
  const signal = cancellationSignal();
  const hosts = ownFleet(ports, fleet).hosts.map(({ name }) => name);
  const agents: AgentStanding[] = [];
  let next = offset;
  // Reads on until the page is full: a fleet of which one host is behind is one page.
  while (next < hosts.length && agents.length < MAX_WAVE_HOSTS) {
    signal.throwIfAborted();
    const part = hosts.slice(next, next + MAX_WAVE_HOSTS - agents.length);
    const found = await inParallel(part, MAX_PARALLEL, async (host) => agentOf(ports, { fleet, host }));
    agents.push(...found.flatMap((from, index) => standing(part[index], from, agent)));
    next += part.length;
    count.read = next;
  }
  return { agents, next: next < hosts.length ? next : null };
}

const agentOf = async (
  ports: Pick<Ports, 'bus' | 'values'>,
  place: Parameters<typeof readHostLevel>[1],
): Promise<string | null> => (await readHostLevel(ports, place)).alive?.agent ?? null;

const standing = (host: HostId | undefined, from: string | null, to: string): readonly AgentStanding[] =>
  host === undefined || from === null || from === to ? [] : [{ host, from, to }];
