import { cancellationSignal } from '@temporalio/activity';
import { assert } from '../model/assert.ts';
import type { HostId } from '../model/ids.ts';
import { MAX_MEMBERS, type Member, type MemberId } from '../model/service.ts';
import { PAGE_LENGTH, takePage } from '../model/pages.ts';
import type { Finding } from '../model/upgrade.ts';
import { whileBeating } from './beating.ts';
import { wrongInput } from './failure.ts';
import type { PlainMember } from './host-members.ts';
import type { FindMembersInput, FoundMembers, MemberActivities } from './member-activities.ts';
import { findServers } from './member-servers.ts';
import { ownFleet } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import { boundFindings } from './findings.ts';
import { readMembers } from './read-members.ts';
import { judgeAgents, type AgentPorts } from './service-agents.ts';

/** Hosts that a page asks at a time until it is full: few enough that hardly any is asked again for the next one. */
const HOSTS_A_LOOK = 8;
/** Longest page with its findings, as JSON; bytes. A payload of Temporal's stays under 16 kB. */
const ANSWER_BYTES = 15_000;

export type FindPorts = AgentPorts & Pick<Ports, 'engine' | 'loadFleet' | 'loadBalancer'>;

type Search = {
  readonly ports: FindPorts;
  readonly input: FindMembersInput;
  readonly hosts: readonly HostId[];
  readonly progress: { read: number };
  readonly signal: AbortSignal;
};

/** Idempotent: reads. Whatever changes meanwhile, no member is on two pages: each goes on after the last one of the page before. */
export function createFindMembers(ports: FindPorts): MemberActivities['findMembers'] {
  return async (input) => {
    const progress = { read: 0 };
    const hosts = ownFleet(ports, input.fleet).hosts.map(({ name }) => name);
    const search: Search = { ports, input, hosts, progress, signal: cancellationSignal() };
    return whileBeating(
      () => ({ ...progress }),
      async () => (input.after === null ? findFirst(search) : findAfter(search, input.after)),
    );
  };
}

/** Looks at all hosts: it counts the members, and finds what speaks against the upgrade of any of them. */
async function findFirst({ ports, input, hosts, progress, signal }: Search): Promise<FoundMembers> {
  const plain = await readMembers(ports, { input, hosts, progress }, signal);
  const withMembers = [...new Set(plain.members.map(({ host }) => host))];
  const [{ members, findings }, ofAgents] = await Promise.all([
    findServers(ports, { members: plain.members, balancer: input.service.balancer }, signal),
    input.mode === 'agent' && withMembers.length > 0
      ? judgeAgents(ports, { ...input, hosts: withMembers }, signal)
      : [],
  ]);
  const all = boundFindings([...plain.findings, ...findings, ...ofAgents], input.service.name);
  return { ...pageOf(members, all), total: members.length };
}

/** Asks no more hosts than this page needs. */
async function findAfter({ ports, input, hosts, progress, signal }: Search, after: MemberId): Promise<FoundMembers> {
  if (!hosts.includes(after.host)) {
    throw wrongInput(`host ${after.host} was taken out of the fleet while its members were read; start again`);
  }
  const left = hosts.slice(hosts.indexOf(after.host));
  const plain: PlainMember[] = [];
  const findings: Finding[] = [];
  while (left.length > 0 && JSON.stringify(plain).length < ANSWER_BYTES) {
    const look = await readMembers(ports, { input, hosts: left.splice(0, HOSTS_A_LOOK), progress }, signal);
    plain.push(...look.members.filter(({ host, container }) => host !== after.host || container > after.container));
    findings.push(...look.findings);
  }
  const found = await findServers(ports, { members: plain, balancer: input.service.balancer }, signal);
  const page = pageOf(found.members, boundFindings([...findings, ...found.findings], input.service.name));
  // Hosts that were not asked any more are on a page to come: what was read did not fit into this one.
  assert(page.next !== null || left.length === 0, 'a page that is not full is the last');
  return { ...page, total: null };
}

function pageOf(found: readonly Member[], findings: readonly Finding[]): Omit<FoundMembers, 'total'> {
  const taken = ANSWER_BYTES - Buffer.byteLength(JSON.stringify(findings));
  const members = takePage(found, { length: Math.min(PAGE_LENGTH, taken), items: MAX_MEMBERS });
  const last = members.length < found.length ? members.at(-1) : undefined;
  return { members, findings, next: last === undefined ? null : { host: last.host, container: last.container } };
}
