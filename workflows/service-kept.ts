import { memberName } from '../model/service.ts';
import { startKeeping } from './keep-container.ts';
import { containerOf } from './member-replace.ts';
import { soon } from './proxies.ts';
import { bestEffort } from './service-tell.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';
import { sideBySide } from './side-by-side.ts';

/** What becomes of the old containers of an upgrade that succeeded. Agents look after their own. */
export async function settleKept(run: ServiceRun): Promise<void> {
  const { policy, release } = run.input;
  // The release's upgrade decides: it may take them back.
  if (policy.mode !== 'inPlace' || release?.fence != null) return;
  const kept = run.changed();
  if (policy.keepOldMs === 0) await discard(run, kept);
  else await sideBySide(kept, async (member) => keep(run, member));
}

/** Removes the containers that these members' upgrade kept, and no other. */
export async function discard(run: ServiceRun, members: readonly MemberRun[]): Promise<void> {
  const one = async (member: MemberRun): Promise<void> => {
    const { backId } = member;
    if (backId === null) return;
    // Of a release's upgrade over several hops each has kept one, and only the last is known here.
    const only = run.input.action === 'discardKept' ? null : backId;
    const what = `remove what was kept of ${memberName(member.found)}`;
    await bestEffort(run, what, async () =>
      soon.discardKept.executeWithOptions({ summary: what }, [{ ...containerOf(run, member), only }]),
    );
  };
  await sideBySide(members, one);
}

async function keep(run: ServiceRun, member: MemberRun): Promise<void> {
  const { keepOldMs: forMs } = run.input.policy;
  if (member.backId !== null) await startKeeping({ ...containerOf(run, member), id: member.backId, forMs });
}
