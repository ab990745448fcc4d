import { workflowInfo } from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import { leastAvailable, MAX_MEMBERS, planPhases, type Member, type ServiceUpgradeInput } from '../model/service.ts';
import type { Finding } from '../model/upgrade.ts';
import { read } from './gate.ts';
import { quick } from './proxies.ts';
import { findMembers } from './service-members.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Finds all members and plans their phases; wrong input ends the upgrade before anything is touched. null: an operator ends it. */
export async function planService(run: ServiceRun): Promise<readonly (readonly MemberRun[])[] | null> {
  const impossible = refuseInput(run.input);
  if (impossible !== null) throw run.fail(failureTypes.wrongInput, impossible);
  const found = await read(run, 'finding the members', async () => findMembers(run));
  if (found === null) return null;
  const refusal = refuseMembers(run.input, found.members);
  run.setMembers(found.members.slice(0, MAX_MEMBERS), found.findings);
  const errors = found.findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw run.fail(failureTypes.wrongInput, tellErrors(run.input, errors));
  if (refusal !== null) throw run.fail(failureTypes.wrongInput, refusal);
  const phases = planPhases(found.members, run.input.policy);
  if (phases === null) throw run.fail(failureTypes.wrongInput, tellNoRoom(run.input, found.members.length));
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

function refuseMembers({ service, fleet }: ServiceUpgradeInput, members: readonly Member[]): string | null {
  const { name, selector } = service;
  const labels = Object.entries(selector).map(([label, value]) => `${label}=${value}`);
  if (members.length === 0) {
    return `service ${name} has no member: no container on any host of ${fleet} has ${labels.join(' and ')}`;
  }
  if (members.length <= MAX_MEMBERS) return null;
  return `service ${name} has ${members.length} members, ${MAX_MEMBERS} at most are upgraded together; narrow its selector in the fleet file`;
}

const tellErrors = ({ service }: ServiceUpgradeInput, errors: readonly Finding[]): string =>
  [
    `service ${service.name} can't be upgraded, nothing was changed`,
    ...errors.map(({ host, what, remedy }) => `${host ?? service.name}: ${what}; ${remedy}`),
  ].join('\n');

function tellNoRoom({ service, policy }: ServiceUpgradeInput, total: number): string {
  const least = leastAvailable(policy, total);
  return `service ${service.name}: ${least} of ${total} members have to stay available, and no more are; mend or add members, or allow fewer with --min-available`;
}
