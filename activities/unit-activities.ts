import type { FleetId, HostId, UnitId, UpgradeId } from '../model/ids.ts';
import type { ReleaseRef } from '../model/release.ts';
import type { SlotTraffic } from '../model/slot-balancer.ts';
import type { Slot, SoakPolicy, UnitPolicy } from '../model/unit.ts';
import type { PlannedMember, UnitPlan } from '../model/unit-upgrade.ts';
import type { Finding } from '../model/upgrade.ts';
import type { PullImageResult } from './member-activities.ts';

/**
 * Steps of a unit's blue/green upgrade. As the others: at least once, and perhaps twice at the same time. What a unit is they
 * read from the release, which was verified, and from the fleet file; no content of a file leaves them.
 */
export interface UnitActivities {
  /** Reads hosts, registry, balancer and files, and reports all findings at once. Creates nothing; `plan` null: it can't go. */
  planUnit(input: PlanUnitInput): Promise<PlannedUnit>;
  /** Every image that the slot needs on the host is there afterwards. */
  pullSlotImages(input: SlotHostInput & PullBounds): Promise<PullImageResult & { readonly pulled: readonly string[] }>;
  /** The member's container is there, created and not started. */
  createSlotMember(input: SlotMemberInput): Promise<void>;
  /** The slot's network is on the host, and what of the slot is there is in it. */
  joinSlotNetwork(input: SlotHostInput): Promise<void>;
  /** The member has its files. */
  putSlotFiles(input: SlotMemberInput): Promise<void>;
  /** The member runs and is healthy; `problem`: why it is not, within its deadline. */
  startSlotMember(input: SlotMemberInput): Promise<{ readonly problem: string | null }>;
  /** Runs a container to its end, once for each `attempt`: a retry of the activity finds it again. */
  runUnitJob(input: UnitJobInput): Promise<UnitJobEnd>;
  /** Waits until every member of both slots is seen healthy in one look, and stays so; `problem`: what was not, in time. */
  confirmSlots(input: SlotPlanInput & { readonly withinMs: number }): Promise<Confirmation>;
  /** New requests go to the slot. `traffic`: its counts at that moment. */
  cutOver(input: SlotInput): Promise<{ readonly traffic: SlotTraffic | null }>;
  /** Watches the slot that took over until the time is over; `problem`: why the requests should not stay there. */
  soakSlot(input: SoakInput): Promise<SoakEnd>;
  /** Waits until the slot has nothing to do any more, or the time is over. */
  drainSlot(input: SlotInput & { readonly waitMs: number }): Promise<{ readonly sessions: number }>;
  /** Nothing of the slot is left on any host. Refuses, as wrong input, the slot that takes the requests. */
  removeSlot(input: RemoveSlotInput): Promise<{ readonly removed: number }>;
  /** The slots that have containers, and the one that takes the requests. Reads only. */
  readSlots(input: UnitInput): Promise<SlotsRead>;
}

export type UnitInput = { readonly fleet: FleetId; readonly upgrade: UpgradeId; readonly unit: UnitId };
type UnitReleaseInput = UnitInput & { readonly release: ReleaseRef };

export type PlanUnitInput = UnitReleaseInput & { readonly policy: UnitPolicy };
/** `findings`: all of them, within a payload's bounds. */
export type PlannedUnit = {
  readonly plan: UnitPlan | null;
  /** The release is what the active slot is on: nothing has to be done. */
  readonly alreadyThere: Slot | null;
  readonly findings: readonly Finding[];
};

export type SlotInput = UnitInput & { readonly slot: Slot };
export type SlotPlanInput = UnitReleaseInput & { readonly plan: UnitPlan };
export type SlotHostInput = SlotPlanInput & { readonly host: HostId };
export type SlotMemberInput = SlotPlanInput & { readonly member: PlannedMember };
export type PullBounds = { readonly byteLimit: number; readonly diskFloorBytes: number; readonly deadlineMs: number };

export type UnitJobInput = SlotPlanInput & {
  readonly job: string;
  readonly direction: 'up' | 'down';
  /** Rises when an operator has it tried again. */
  readonly attempt: number;
};
/** `exitCode` null: it did not end in time, or could not be started. alreadyDone: its check says so, it was not run. */
export type UnitJobEnd = {
  readonly outcome: 'succeeded' | 'failed' | 'alreadyDone';
  readonly exitCode: number | null;
  readonly output: string;
};

/** `slot`: whose problem it is. */
export type Confirmation = { readonly problem: null } | { readonly problem: string; readonly slot: Slot };

export type SoakInput = SlotPlanInput & {
  readonly soak: SoakPolicy;
  /** Its end; ms since the epoch. */
  readonly until: number;
  /** At the cutover; null: it counts from its first look. */
  readonly baseline: SlotTraffic | null;
};
export type SoakEnd = { readonly problem: string | null; readonly traffic: SlotTraffic | null };

export type RemoveSlotInput = SlotInput & {
  /** The unit's first install, which is taken back: no slot takes requests. Shared services that it made go as well. */
  readonly isFirst: boolean;
};

/** `active` null: nobody has said yet, or there is no balancer that says it. */
export type SlotsRead = {
  readonly active: Slot | null;
  readonly containers: Readonly<Record<Slot | 'shared', number>>;
};
