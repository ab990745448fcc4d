import { planPhases } from '../model/service.ts';
import { changeMembers } from './change-members.ts';
import { ask } from './gate.ts';
import type { Ending } from './operated.ts';
import { goBackAtOnce } from './service-at-once.ts';
import { describe } from './service-phases.ts';
import { removePulled } from './service-pull.ts';
import { awaitRoom } from './service-room.ts';
import { tell } from './service-tell.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Takes every member that was changed back, by the same strategy: phases in reverse order, or all at once. */
export async function rollBack(run: ServiceRun): Promise<'rolledBack' | 'aborted'> {
  run.isGoingBack = true;
  run.wishes.ending = null;
  run.enter('rollingBack');
  const isAtOnce = run.input.policy.strategy.strategy === 'allAtOnce';
  const ending = isAtOnce ? await goBackAtOnce(run) : await goBackInPhases(run, phasesBack(run));
  if (ending !== 'go') return 'aborted';
  await removePulled(run);
  await tell(run, run.all());
  run.error = run.failure;
  return 'rolledBack';
}

/** The phases that were begun, the last first; or, when an earlier upgrade is taken back, phases planned anew. */
function phasesBack(run: ServiceRun): readonly (readonly MemberRun[])[] {
  const changed = new Set(run.changed());
  const reversed = [...run.all()].reverse();
  const planned = (): readonly (readonly MemberRun[])[] =>
    planPhases(
      reversed.map(({ found }) => found),
      run.input.policy,
    )?.map((phase) => phase.map((found) => run.member(found))) ?? reversed.map((member) => [member]);
  const phases = run.begun.length > 0 ? run.begun.map((phase) => [...phase].reverse()).reverse() : planned();
  return phases.map((phase) => phase.filter((member) => changed.has(member))).filter((phase) => phase.length > 0);
}

async function goBackInPhases(run: ServiceRun, phases: readonly (readonly MemberRun[])[]): Promise<Ending> {
  for (const [index, phase] of phases.entries()) {
    run.phase = `${index + 1}/${phases.length}`;
    const ending = await goBackPhase(run, phase);
    if (ending !== 'go') return ending;
  }
  return run.ending();
}

async function goBackPhase(run: ServiceRun, phase: readonly MemberRun[]): Promise<Ending> {
  // Every round after the first is an operator's `resume`.
  for (let left = phase; ;) {
    const turn = await awaitRoom(run, left);
    if (turn !== 'go') return turn;
    await changeMembers(run, left, 'back');
    left = left.filter(({ isChanged }) => isChanged);
    if (left.length === 0) return 'go';
    const question = { what: describe(left), host: left[0]?.found.host ?? null, answers: ['resume'] };
    const ending = await ask(run, { ...question, isAnswered: () => run.wishes.resume });
    if (ending !== 'go') return ending;
  }
}
