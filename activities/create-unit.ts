import { createConfirmSlots } from './confirm-slots.ts';
import type { UnitPorts } from './open-unit.ts';
import { createPlanUnit } from './plan-unit.ts';
import { createReadSlots, createRemoveSlot } from './remove-slot.ts';
import { createJoinSlotNetwork, createPullSlotImages } from './slot-hosts.ts';
import { createCreateSlotMember, createPutSlotFiles, createStartSlotMember } from './slot-members.ts';
import { createCutOver, createDrainSlot } from './slot-traffic.ts';
import { createSoakSlot } from './soak-slot.ts';
import type { UnitActivities } from './unit-activities.ts';
import { createRunUnitJob } from './unit-jobs.ts';

/** The activities of a unit's blue/green upgrade. */
export function createUnitActivities(ports: UnitPorts): UnitActivities {
  return {
    planUnit: createPlanUnit(ports),
    pullSlotImages: createPullSlotImages(ports),
    createSlotMember: createCreateSlotMember(ports),
    joinSlotNetwork: createJoinSlotNetwork(ports),
    putSlotFiles: createPutSlotFiles(ports),
    startSlotMember: createStartSlotMember(ports),
    runUnitJob: createRunUnitJob(ports),
    confirmSlots: createConfirmSlots(ports),
    cutOver: createCutOver(ports),
    soakSlot: createSoakSlot(ports),
    drainSlot: createDrainSlot(ports),
    removeSlot: createRemoveSlot(ports),
    readSlots: createReadSlots(ports),
  };
}
