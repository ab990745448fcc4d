import { setImmediate } from 'node:timers/promises';
import type { PlannedUnit, SlotPlanInput, UnitActivities, UnitInput } from '../../activities/unit-activities.ts';
import type { Clock } from '../../model/ports.ts';
import { defaultUnitPolicy, type UnitRelease } from '../../model/unit.ts';
import type { PlannedMember, UnitPlan } from '../../model/unit-upgrade.ts';
import { FakeUnits } from '../fakes/fake-units.ts';
import { fleetId, hostIds } from '../fakes/fleet.ts';
import { shop, unitRelease } from '../model/units.ts';
import { perform, run, type Performed } from './harness.ts';

/** The unit `shop` on hosts in memory, and what its activities are told. */
export class UnitHarness {
  readonly units: FakeUnits;
  readonly activities: Performed<UnitActivities>;
  readonly place: UnitInput = { ...run, unit: shop };

  constructor(unit: UnitRelease = unitRelease(), count = 2) {
    this.units = new FakeUnits(fleetId, hostIds(count), () => undefined);
    this.units.publish('1.0.0', unit);
    this.activities = this.units.activities;
  }

  /** As the workflow asks for it; fails if preflight has findings. */
  async plan(): Promise<SlotPlanInput & { readonly plan: UnitPlan }> {
    const { plan, findings } = await this.preflight();
    if (plan === null) throw new Error(`no plan: ${JSON.stringify(findings)}`);
    return { ...this.place, release: this.units.read().ref, plan };
  }

  /** What it says of the release that the registry has now. */
  async preflight(): Promise<PlannedUnit> {
    const input = { ...this.place, release: this.units.read().ref, policy: defaultUnitPolicy };
    return perform(this.activities.planUnit, input);
  }

  /** All of the slot is there and runs. */
  async make(input: SlotPlanInput): Promise<void> {
    const { members, present } = input.plan;
    const { pullSlotImages, createSlotMember, joinSlotNetwork, putSlotFiles, startSlotMember } = this.activities;
    for (const host of new Set([...members, ...present].map((member) => member.host))) {
      await perform(pullSlotImages, { ...input, host, byteLimit: 1_000_000, diskFloorBytes: 0, deadlineMs: 60_000 });
    }
    for (const member of members) await perform(createSlotMember, { ...input, member });
    for (const host of this.units.engines.keys()) await perform(joinSlotNetwork, { ...input, host });
    for (const member of members) await perform(putSlotFiles, { ...input, member });
    for (const member of members) await perform(startSlotMember, { ...input, member });
  }

  /** The slot is made, and takes the requests. */
  async install(): Promise<SlotPlanInput> {
    const input = await this.plan();
    await this.make(input);
    await perform(this.activities.cutOver, { ...this.place, slot: input.plan.to });
    return input;
  }
}

export function memberOf({ plan }: SlotPlanInput, container: string): PlannedMember {
  const found = plan.members.find((member) => member.container === container);
  if (found === undefined) throw new Error(`${container} is not planned`);
  return found;
}

/** Time passes only while somebody sleeps, and then at once. */
export function sleepingClock(): Clock {
  let now = Date.now();
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
      await setImmediate();
    },
  };
}
