import { workflowInfo } from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import { MAX_BYTES, MAX_EVENTS, worstHistory } from '../model/service-history.ts';
import { leastAvailable, MAX_MEMBERS, planPhases, type Member, type ServiceUpgradeInput } from '../model/service.ts';
import type { Finding } from '../model/upgrade.ts';
import { read } from './gate.ts';
import { quick } from './proxies.ts';
import { findMembers } from './service-members.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Errors that a refusal spells out; it counts the others. */
const MAX_NAMED = 20;

/** Finds all members and plans their phases; wrong input ends the upgrade before anything is touched. null: an operator ends it. */
export async function planService(run: ServiceRun): Promise<readonly (readonly MemberRun[])[] | null> {
  const impossible = refuseInput(run.input);
  if (impossible !== null) throw run.fail(failureTypes.wrongInput, impossible);
  const found = await read(run, 'finding the members', async () => findMembers(run));
  if (found === null) return null;
  const refusal = refuseMembers(run.input, found.total);
  run.setMembers(found.members.slice(0, MAX_MEMBERS), found.findings);
  const errors = found.findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw run.fail(failureTypes.wrongInput, tellErrors(run.input, errors));
  if (refusal !== null) throw run.fail(failureTypes.wrongInput, refusal);
  const phases = planPhases(found.members, run.input.policy);
  if (phases === null) throw run.fail(failureTypes.wrongInput, tellNoRoom(run.input, found.members.length));
  const tooLong = refuseLength(run.input, found.members, phases.length);
  if (tooLong !== null) throw run.fail(failureTypes.wrongInput, tooLong);
  return phases.map((phase) => phase.map((member) => run.member(member)));
}

/** Orders to agents are fenced: a run of its own claims an epoch, one of a release's upgrade has got that one's. False: an operator ends it. */
export async function claimEpoch(run: ServiceRun): Promise<boolean> {
  if (run.input.policy.mode !== 'agent' || run.hasEpoch()) return true;
  const { fleet, upgrade } = run.input;
  const { runId, startTime } = workflowInfo();
  const claim = { fleet, upgrade, run: runId, startedAt: startTime.getTime() };
  const claimed = await read(run, 'claiming the epoch', async () => quick.claimEpoch(claim));
  if (claimed !== null) run.setEpoch(claimed.epoch);
  return claimed !== null;
}

function refuseInput({ service: { name }, policy: { mode, strategy }, release }: ServiceUpgradeInput): string | null {
  if (mode !== 'agent') return null;
  if (strategy.strategy === 'allAtOnce') {
    return `${name}: agents work each by itself, so that old and new members would serve together; take mode inPlace for all at once`;
  }
  if (release === null) return `${name}: agents need a release that names the image; name it with --release`;
  return null;
}

function refuseMembers(input: ServiceUpgradeInput, total: number): string | null {
  const { service, fleet } = input;
  const { name, selector } = service;
  const labels = Object.entries(selector).map(([label, value]) => `${label}=${value}`);
  if (total === 0) {
    return `service ${name} has no member: no container on any host of ${fleet} has ${labels.join(' and ')}`;
  }
  return refuseCount(input, total);
}

export function refuseCount({ service: { name } }: ServiceUpgradeInput, total: number): string | null {
  if (total <= MAX_MEMBERS) return null;
  return `service ${name} has ${total} members, ${MAX_MEMBERS} at most are upgraded together; narrow its selector in the fleet file`;
}

/** A workflow whose history is full is ended by Temporal, wherever it is: that must not happen half-way. */
function refuseLength(input: ServiceUpgradeInput, members: readonly Member[], phases: number): string | null {
  const { service, policy } = input;
  const hosts = new Set(members.map(({ host }) => host)).size;
  const { events, bytes } = worstHistory({ members: members.length, hosts, phases }, input);
  const what = `service ${service.name}: ${members.length} members in ${phases} phases`;
  if (events > MAX_EVENTS) {
    const larger = policy.strategy.strategy === 'inPlace' ? '--phases 10' : 'larger phases: --phases';
    return `${what} may need ${events} events of Temporal's history there and back, ${MAX_EVENTS} at most are taken; take more members at a time (${larger}), or narrow its selector in the fleet file`;
  }
  if (bytes <= MAX_BYTES) return null;
  return `${what} may need ${bytes} bytes of Temporal's history there and back, ${MAX_BYTES} at most are taken; lay less over its members (settings), or narrow its selector in the fleet file`;
}

const tellErrors = ({ service }: ServiceUpgradeInput, errors: readonly Finding[]): string =>
  [
    `service ${service.name} can't be upgraded, nothing was changed`,
    ...errors.slice(0, MAX_NAMED).map(({ host, what, remedy }) => `${host ?? service.name}: ${what}; ${remedy}`),
    ...(errors.length > MAX_NAMED ? [`and ${errors.length - MAX_NAMED} more`] : []),
  ].join('\n');

function tellNoRoom({ service, policy }: ServiceUpgradeInput, total: number): string {
  const least = leastAvailable(policy, total);
  return `service ${service.name}: ${least} of ${total} members have to stay available, and no more are; mend or add members, or allow fewer with --min-available`;
}
