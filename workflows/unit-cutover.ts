import type { Slot } from '../model/unit.ts';
import { ask } from './gate.ts';
import type { Ending } from './operated.ts';
import { onUnit } from './proxies.ts';
import { slotInput, unitInput } from './unit-input.ts';
import type { UnitRun } from './unit-run.ts';
import { doStep, skipStep, type StepEnd } from './unit-step.ts';

/** What an operator approves. */
export const APPROVE_CUTOVER = 'cutover';
/** What an operator approves when the slot that takes the requests is not well itself. */
export const APPROVE_UNWELL = 'unwell';

/** Both slots well, approval, cutover, soak. From the cutover on, `failed` means that the requests should go back. */
export async function cutOverAndSoak(run: UnitRun): Promise<StepEnd> {
  const confirmed = await doStep(run, { name: 'confirm', work: async () => confirm(run) });
  if (confirmed !== 'go') return confirmed;
  const approved = await approval(run);
  if (approved !== 'go') return approved;
  const cutOver = await doStep(run, {
    name: 'cutover',
    work: async () => cutOverTo(run, run.plan().to),
    isWhole: true,
  });
  // A command may be accepted in the very moment of the cutover.
  if (cutOver !== 'go') return cutOver;
  if (run.input.policy.soak.durationMs === 0) {
    skipStep(run, 'soak', 'it has no duration');
    return run.ending();
  }
  return soak(run);
}

async function confirm(run: UnitRun): Promise<string | null> {
  const { confirmMs: withinMs } = run.input.policy;
  // Every round is an operator's `resume`.
  for (;;) {
    const waiting = { what: 'both slots to be healthy at the same moment', host: null };
    const found = await run.during(
      { ...waiting, until: Date.now() + withinMs, movedOnBy: 'the members, or the time' },
      async () =>
        onUnit.confirmSlots.executeWithOptions({ summary: 'look at both slots' }, [{ ...slotInput(run), withinMs }]),
    );
    if (found.problem === null) return null;
    if (found.slot === run.plan().to) return found.problem;
    const answer = await askAboutActive(run, found.problem);
    if (answer === 'again') continue;
    return null;
  }
}

/** Nothing of the new slot's: whether to leave a slot that is not well is for a person. */
async function askAboutActive(run: UnitRun, problem: string): Promise<'again' | 'go'> {
  const what = `slot ${run.active ?? ''}, which takes the requests, is not well: ${problem}`;
  const answers = ['resume', `approve ${APPROVE_UNWELL}`];
  const isApproved = (): boolean => run.wishes.approved.has(APPROVE_UNWELL);
  await ask(run, { what, host: null, answers, isAnswered: () => run.wishes.resume || isApproved() });
  return isApproved() || run.wishes.ending !== null ? 'go' : 'again';
}

async function approval(run: UnitRun): Promise<Ending> {
  if (!run.input.policy.approval) {
    skipStep(run, 'approval', 'not asked for');
    return run.ending();
  }
  run.markStep('approval', 'running');
  const { unit } = run.input;
  const oneWay = run
    .plan()
    .expand.filter(({ hasNoWayBack }) => hasNoWayBack)
    .map(({ name }) => name);
  const warning = oneWay.length === 0 ? '' : `; there is no return after it: ${oneWay.join(', ')} has no way back`;
  const what = `approval of the cutover of ${unit} to slot ${run.plan().to}${warning}`;
  const isAnswered = (): boolean => run.wishes.approved.has(APPROVE_CUTOVER);
  const answer = isAnswered()
    ? run.ending()
    : await ask(run, { what, host: null, answers: [`approve ${APPROVE_CUTOVER}`], isAnswered });
  run.markStep('approval', answer === 'go' ? 'done' : 'skipped');
  return answer;
}

/** Also the way back: whichever slot it is, it takes the requests when this returns. */
export async function cutOverTo(run: UnitRun, slot: Slot): Promise<null> {
  const { from, to } = run.plan();
  run.hasCutOver = true;
  const waiting = { what: `the load balancer to send requests to ${slot}`, host: null, movedOnBy: 'the load balancer' };
  const { traffic } = await run.during(waiting, async () =>
    onUnit.cutOver.executeWithOptions({ summary: `cut over to ${slot}` }, [{ ...unitInput(run), slot }]),
  );
  run.active = slot;
  run.standby = slot === to ? from : to;
  if (slot === to) run.baseline = traffic;
  return null;
}

async function soak(run: UnitRun): Promise<StepEnd> {
  const { soak: policy } = run.input.policy;
  const { to } = run.plan();
  const work = async (): Promise<string | null> => {
    const until = Date.now() + policy.durationMs;
    const waiting = { what: `the soak of slot ${to}`, host: null, until, movedOnBy: 'time, or what it watches' };
    const { problem, traffic } = await run.during(waiting, async () =>
      onUnit.soakSlot.executeWithOptions({ summary: `watch slot ${to}` }, [
        { ...slotInput(run), soak: policy, until, baseline: run.baseline },
      ]),
    );
    run.traffic = traffic;
    // An operator who has it tried again has mended something: what failed before says nothing of that.
    if (problem !== null) run.baseline = null;
    return problem;
  };
  return doStep(run, { name: 'soak', work });
}
