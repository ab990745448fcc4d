import { cancellationSignal } from '@temporalio/activity';
import type { Slot } from '../model/unit.ts';
import type { UnitHeartbeat } from '../model/unit-upgrade.ts';
import { whileBeating } from './beating.ts';
import { conceal } from './conceal.ts';
import { openUnit, siteOf, type UnitPorts } from './open-unit.ts';
import { lookAtSlot, lookForMembers, type SlotProblem } from './slot-look.ts';
import { probeSlot } from './slot-probes.ts';
import type { SlotPlanInput, UnitActivities } from './unit-activities.ts';
import { secretsOf } from './unit-files.ts';

/** Time between two looks; ms. */
const LOOK_MS = 500;
/** Looks in a row that must find everything well: one alone may fall between two illnesses. */
const LOOKS = 3;

/** Idempotent: looks. Each attempt has all of the time: what an engine's absence took of it is no member's fault. */
export function createConfirmSlots(ports: UnitPorts): UnitActivities['confirmSlots'] {
  return async (input) => {
    const signal = cancellationSignal();
    const beat = { unitStep: 'confirm' as const, detail: 'looking at both slots' };
    const until = ports.clock.now() + input.withinMs;
    return whileBeating(
      (): UnitHeartbeat => ({ ...beat }),
      async () => {
        for (let well = 0; ;) {
          const problem = await look(ports, input, signal);
          well = problem === null ? well + 1 : 0;
          beat.detail = problem?.problem ?? 'both slots are well';
          if (well >= LOOKS) return { problem: null };
          if (problem !== null && ports.clock.now() >= until) return problem;
          await ports.clock.sleep(LOOK_MS, signal);
          signal.throwIfAborted();
        }
      },
    );
  };
}

/** Of the earlier slot only engines and balancer are asked: its probes are those of another release. The new slot first: it is what the upgrade answers for. */
async function look(ports: UnitPorts, input: SlotPlanInput, signal: AbortSignal): Promise<SlotProblem | null> {
  const members = await lookForMembers(ports, input, signal);
  const { to, from, members: planned } = input.plan;
  const missing = planned.find(
    ({ host, container }) => !members.some((member) => member.host === host && member.container === container),
  );
  if (missing !== undefined) return { slot: to, problem: `${missing.container} on ${missing.host} is gone` };
  const slots: readonly Slot[] = from === null ? [to] : [to, from];
  const problems = await Promise.all(slots.map(async (slot) => lookAtSlot(ports, { input, members, slot }, signal)));
  const found = problems.find((problem) => problem !== null) ?? null;
  if (found !== null) return found;
  const opened = await openUnit(ports, input);
  const probed = await probeSlot(ports, siteOf(opened, input.plan), signal);
  if (probed === null) return null;
  return { slot: to, problem: conceal(probed, await secretsOf(ports, opened.fleetUnit)) };
}
