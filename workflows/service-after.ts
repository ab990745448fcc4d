import { failureTypes } from '../model/failures.ts';
import { memberName } from '../model/service.ts';
import { ask, read } from './gate.ts';
import { containerOf } from './member-replace.ts';
import type { Ending } from './operated.ts';
import { atEngine } from './proxies.ts';
import { findMembers } from './service-members.ts';
import { claimEpoch, refuseCount } from './service-preflight.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';
import { sideBySide } from './side-by-side.ts';

/** Finds what an earlier upgrade changed, to take it back or to make it final. */
export async function findChanged(run: ServiceRun): Promise<Ending> {
  const found = await read(run, 'finding the members', async () => findMembers(run));
  if (found === null) return run.ending();
  const tooMany = refuseCount(run.input, found.total);
  if (tooMany !== null) throw run.fail(failureTypes.wrongInput, tooMany);
  run.setMembers(found.members, found.findings);
  const errors = found.findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first !== undefined && run.input.action === 'putBack') {
    const what = `${first.what}; resume goes on with the ${found.members.length} members that were found`;
    const question = { what, host: first.host, answers: ['resume'] };
    const ending = await ask(run, { ...question, isAnswered: () => run.wishes.resume });
    if (ending !== 'go') return ending;
  }
  const isThrough = async (): Promise<true> => {
    await sideBySide(run.all(), async (member) => look(run, member));
    return true;
  };
  const looked = await read(run, 'looking at the members', isThrough);
  if (looked === null || !(await claimEpoch(run))) return run.ending();
  return run.ending();
}

async function look(run: ServiceRun, member: MemberRun): Promise<void> {
  const summary = `whose work is ${memberName(member.found)}?`;
  const reading = await atEngine.readContainer.executeWithOptions({ summary }, [containerOf(run, member)]);
  member.isChanged = reading?.upgrade === run.input.takeBack;
  member.backId = reading?.kept[0] ?? null;
}
