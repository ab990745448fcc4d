import type { SlotPlanInput, UnitInput } from '../activities/unit-activities.ts';
import type { UnitRun } from './unit-run.ts';

/** Which unit a step is about. */
export const unitInput = ({ input: { fleet, upgrade, unit } }: UnitRun): UnitInput => ({ fleet, upgrade, unit });

/** What every step of a slot is told. */
export const slotInput = (run: UnitRun): SlotPlanInput => ({
  ...unitInput(run),
  release: run.release(),
  plan: run.plan(),
});
