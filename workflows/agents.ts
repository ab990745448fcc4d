import { startChild } from '@temporalio/workflow';
import type { AgentsPage, LoadedAgents } from '../activities/self-upgrade-activities.ts';
import type { HostId } from '../model/ids.ts';
import type { AgentStanding } from '../model/upgrader.ts';
import type { AgentWaveInput } from './agent-wave.ts';
import { follow } from './follow.ts';
import { gate, insist, read } from './gate.ts';
import { reading } from './proxies.ts';
import type { Ending, Run } from './run.ts';
import { upgradeAgents } from './upgrade-agents.ts';

/** Agents, host by host behind a gatekeeper. One that does not come up stops the upgrade; the others stay as they are. */
export async function agents(run: Run): Promise<Ending | 'failed'> {
  const planned = run.planned().selfUpgrade?.agents ?? null;
  if (planned === null) return 'go';
  const { fleet, upgrade } = run.input;
  const { to: agent } = planned;
  let isProven = false;
  for (let offset: number | null = 0; offset !== null;) {
    const place: AgentsPage = { fleet, upgrade, agent, offset };
    const page: LoadedAgents | null = await read(run, `finding agents other than ${agent}`, async () =>
      reading.loadAgents(place),
    );
    if (page === null) return run.wishes.ending ?? 'abort';
    const ended = await upgradePage(run, page.agents, isProven);
    if (ended.ending !== 'go') return ended.ending;
    isProven = ended.isProven;
    offset = page.next;
  }
  return 'go';
}

/** A child a page, and one more after each pause. */
async function upgradePage(
  run: Run,
  page: readonly AgentStanding[],
  wasProven: boolean,
): Promise<{ readonly ending: Ending | 'failed'; readonly isProven: boolean }> {
  const ended = new Set<HostId>();
  let isProven = wasProven;
  // Ends because each child that is not interrupted ends with all of its hosts.
  for (;;) {
    const ending = await gate(run);
    const left = page.filter(({ host }) => !ended.has(host));
    if (ending !== 'go' || left.length === 0) return { ending, isProven };
    const result = await insist(run, 'upgrade of the agents', async () =>
      follow(run, 'agents', async (options) =>
        startChild(upgradeAgents, {
          ...options,
          args: [waveInput(run, left, isProven)],
          staticSummary: `agents of ${left.length} hosts`,
        }),
      ),
    );
    if (result === null) return { ending: run.wishes.ending ?? 'abort', isProven };
    for (const host of [...result.replaced, ...result.kept]) ended.add(host);
    isProven ||= result.replaced.length > 0;
    const [first] = result.failed;
    if (first !== undefined) return { ending: failed(run, first, result.failed.length - 1), isProven };
  }
}

function waveInput(run: Run, agents: readonly AgentStanding[], isProven: boolean): AgentWaveInput {
  const { fleet, upgrade, policy } = run.input;
  const { release } = run.planned();
  const { maxParallelDownloads: maxParallel, downloadByteLimit: byteLimit, diskFloorBytes } = policy;
  const deadlineMs = policy.downloadDeadlineMs;
  return { fleet, upgrade, release, agents, isProven, maxParallel, byteLimit, diskFloorBytes, deadlineMs };
}

function failed(
  run: Run,
  {
    host,
    outcome,
    message,
  }: { readonly host: HostId; readonly outcome: 'reverted' | 'failed'; readonly message: string },
  others: number,
): 'failed' {
  const more = others > 0 ? `; and ${others} more` : '';
  const is = outcome === 'reverted' ? 'the agent of before is back' : 'look at its agent';
  run.decide({
    rule: 'self-upgrade',
    decision: 'no further agent is touched',
    because: `${host}: ${message}`,
    by: 'policy',
  });
  run.error = `${host} ${outcome === 'reverted' ? 'did not keep' : 'did not get'} the agent of the release, ${is}: ${message}${more}; no further agent was touched, no host is upgraded`;
  return 'failed';
}
