import { cancellationSignal } from '@temporalio/activity';
import { MAX_MEMBERS } from '../model/service.ts';
import { whileBeating } from './beating.ts';
import { readHostMembers } from './host-members.ts';
import type { FindMembersInput, FoundMembers, MemberActivities } from './member-activities.ts';
import { findServers } from './member-servers.ts';
import { engineOf, ownFleet } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';
import { boundFindings } from './preflight.ts';
import { judgeAgents, type AgentPorts } from './service-agents.ts';

/** Engines that are asked for their containers at the same time. */
const MAX_PARALLEL = 16;

export type FindPorts = AgentPorts & Pick<Ports, 'engine' | 'loadFleet' | 'loadBalancer'>;

/** Idempotent: reads. */
export function createFindMembers(ports: FindPorts): MemberActivities['findMembers'] {
  return async (input) => {
    const progress = { read: 0 };
    return whileBeating(
      () => ({ ...progress }),
      async () => find(ports, input, progress),
    );
  };
}

async function find(ports: FindPorts, input: FindMembersInput, progress: { read: number }): Promise<FoundMembers> {
  const signal = cancellationSignal();
  const { fleet, service, upgrade } = input;
  const read = await inParallel(ownFleet(ports, fleet).hosts, MAX_PARALLEL, async ({ name: host }) => {
    const engine = engineOf(ports, { fleet, host });
    const found = await readHostMembers({ host, engine, service, upgrade, signal });
    progress.read += 1;
    return found;
  });
  const plain = read.flatMap(({ members }) => members);
  const hosts = [...new Set(plain.map(({ host }) => host))];
  const [{ members, findings }, ofAgents] = await Promise.all([
    findServers(ports, { members: plain, balancer: service.balancer }, signal),
    input.mode === 'agent' && hosts.length > 0 ? judgeAgents(ports, { ...input, hosts }, signal) : [],
  ]);
  const all = [...read.flatMap((one) => one.findings), ...findings, ...ofAgents];
  // One more than allowed says that there are too many; an answer of all of them would be too large.
  return { members: members.slice(0, MAX_MEMBERS + 1), findings: boundFindings(all, service.name) };
}
