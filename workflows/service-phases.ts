import { decideFailure } from '../model/failure-policy.ts';
import { memberName } from '../model/service.ts';
import { changeMembers } from './change-members.ts';
import { ask } from './gate.ts';
import type { Ending } from './operated.ts';
import { awaitRoom } from './service-room.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Members that one question spells out; it names how many more there are. */
const MAX_NAMED = 3;

/** Set after set of members, the next only when every member of the one before serves again, or was left. */
export async function upgradeInPhases(run: ServiceRun, phases: readonly (readonly MemberRun[])[]): Promise<Ending> {
  for (const [index, phase] of phases.entries()) {
    const ending = await upgradePhase(run, phase, `${index + 1}/${phases.length}`);
    if (ending !== 'go') return ending;
  }
  return 'go';
}

async function upgradePhase(run: ServiceRun, phase: readonly MemberRun[], name: string): Promise<Ending> {
  run.phase = name;
  run.begun.push(phase);
  // Every round after the first is an operator's `resume`.
  for (let left = phase; ;) {
    const turn = await awaitRoom(run, left);
    if (turn !== 'go') return turn;
    await changeMembers(run, left, 'there');
    left = left.filter(({ state }) => state === 'Failed');
    if (left.length === 0) return 'go';
    const settled = await settle(run, left);
    if (settled !== 'retry') return settled;
  }
}

/** What becomes of members that failed: the policy decides, or the operator. */
async function settle(run: ServiceRun, failed: readonly MemberRun[]): Promise<Ending | 'retry'> {
  const what = describe(failed);
  const { decision, rule, because } = decideFailure({
    policy: run.input.policy,
    of: 'members',
    failures: run.all().filter(({ state }) => state === 'Failed').length,
    total: run.members.size,
    verdict: 'unknown',
    environmentTries: 0,
  });
  run.decide({ rule, decision: `${decision} ${named(failed)}`, because: `${what}; ${because}`, by: 'policy' });
  if (decision === 'skip') return 'go';
  run.failure = what;
  if (decision === 'rollback') return 'rollback';
  const question = { what, host: failed[0]?.found.host ?? null, answers: ['resume'] };
  const ending = await ask(run, { ...question, isAnswered: () => run.wishes.resume });
  if (ending !== 'go') return ending;
  run.failure = null;
  return 'retry';
}

/** Which members failed, and why, in one line. */
export function describe(failed: readonly MemberRun[]): string {
  const lines = failed.slice(0, MAX_NAMED).map(({ found, error }) => `${memberName(found)} failed: ${error ?? ''}`);
  const more = failed.length > MAX_NAMED ? [`and ${failed.length - MAX_NAMED} more`] : [];
  return [...lines, ...more].join('; ');
}

const named = (members: readonly MemberRun[]): string =>
  members
    .slice(0, MAX_NAMED)
    .map(({ found }) => memberName(found))
    .join(', ');
