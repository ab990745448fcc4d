import { goBack } from './member-back.ts';
import type { MemberEnd } from './member-attempt.ts';
import { replace, type Replace } from './member-replace.ts';
import { admit, drain } from './member-traffic.ts';
import { ask, gate } from './gate.ts';
import type { Ending } from './operated.ts';
import { describe } from './service-phases.ts';
import { tell } from './service-tell.ts';
import { sideBySide } from './side-by-side.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/**
 * Every old member is stopped before the first new one starts, so that two versions never serve together.
 *
 * 1. From the first stop on nothing waits for an operator: nobody is served. A pause or an end is acted on after it.
 * 2. Any failure takes all members back, whatever the policy says: some on each version is what must not be.
 */
export async function upgradeAtOnce(run: ServiceRun): Promise<Ending> {
  const turn = await gate(run);
  if (turn !== 'go') return turn;
  const members = run.all();
  run.phase = '1/1';
  run.begun.push(members);
  run.begin(members);
  await tell(run, members);
  const steps: readonly ((member: MemberRun) => Promise<MemberEnd>)[] = [
    async (member) => drain(run, member),
    async (member) => replace(run, member, stopped),
    async (member) => replace(run, member, healthy),
    async (member) => admit(run, member),
  ];
  for (const step of steps) {
    const failed = await takeStep(run, members, step);
    if (failed.length > 0) run.failure = describe(failed);
    if (failed.length > 0 || run.wishes.ending === 'rollback') return 'rollback';
  }
  for (const member of members) run.settle(member, 'Active', null);
  await tell(run, members);
  return 'go';
}

const stopped: Replace = { until: 'stopped', onFailure: 'leave' };
const healthy: Replace = { until: 'healthy', onFailure: 'leave' };

/** The way back, by the same rule: every new member is stopped before the first old one starts. */
export async function goBackAtOnce(run: ServiceRun): Promise<Ending> {
  // Every round after the first is an operator's `resume`.
  for (;;) {
    const turn = await gate(run);
    if (turn !== 'go') return turn;
    const members = run
      .all()
      .filter(({ isChanged, isDrained, state }) => isChanged || isDrained || state === 'Updating');
    const wereChanged = new Set(members.filter(({ isChanged }) => isChanged));
    run.begin(members);
    await tell(run, members);
    const failed = await stepBack(run, members);
    for (const member of members.filter((each) => !failed.includes(each))) {
      run.settle(member, wereChanged.has(member) || member.error !== null ? 'RolledBack' : 'Active');
    }
    await tell(run, members);
    if (failed.length === 0) return run.ending();
    const question = { what: describe(failed), host: failed[0]?.found.host ?? null, answers: ['resume'] };
    const ending = await ask(run, { ...question, isAnswered: () => run.wishes.resume });
    if (ending !== 'go') return ending;
  }
}

/** Members that did not get back. */
async function stepBack(run: ServiceRun, members: readonly MemberRun[]): Promise<readonly MemberRun[]> {
  const away = members.filter(({ isChanged }) => isChanged);
  const notOut = await takeStep(run, members, async (member) => drain(run, member));
  if (notOut.length > 0) return notOut;
  const notStopped = await takeStep(run, away, async (member) => goBack(run, member, 'stopped'));
  if (notStopped.length > 0) return notStopped;
  const notBack = await takeStep(run, away, async (member) => goBack(run, member, 'running'));
  const back = members.filter((member) => !notBack.includes(member));
  await sideBySide(back, async (member) => admit(run, member));
  return notBack;
}

/** Takes all members through one step together; those that failed. */
async function takeStep(
  run: ServiceRun,
  members: readonly MemberRun[],
  step: (member: MemberRun) => Promise<MemberEnd>,
): Promise<readonly MemberRun[]> {
  const failed: MemberRun[] = [];
  const one = async (member: MemberRun): Promise<void> => {
    const end = await step(member);
    if (!('reason' in end)) return;
    run.settle(member, 'Failed', end.reason);
    failed.push(member);
  };
  await sideBySide(members, one);
  return failed;
}
