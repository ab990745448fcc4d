import type { UnitActivities } from '../../activities/unit-activities.ts';
import { assert } from '../../model/assert.ts';
import type { FakeFleet } from './fake-fleet.ts';
import type { On } from './members.ts';

/** The activities on units: the real ones, over engines and a load balancer in memory. */
export function unitActivities(on: On): UnitActivities {
  const real = (fleet: FakeFleet): UnitActivities => {
    assert(fleet.units !== null, `${fleet.name} has a unit`);
    return fleet.units.activities;
  };
  return {
    planUnit: on('planUnit', async (fleet, input) => real(fleet).planUnit(input)),
    pullSlotImages: on('pullSlotImages', async (fleet, input) => real(fleet).pullSlotImages(input)),
    createSlotMember: on('createSlotMember', async (fleet, input) => real(fleet).createSlotMember(input)),
    joinSlotNetwork: on('joinSlotNetwork', async (fleet, input) => real(fleet).joinSlotNetwork(input)),
    putSlotFiles: on('putSlotFiles', async (fleet, input) => real(fleet).putSlotFiles(input)),
    startSlotMember: on('startSlotMember', async (fleet, input) => real(fleet).startSlotMember(input)),
    runUnitJob: on('runUnitJob', async (fleet, input) => real(fleet).runUnitJob(input)),
    confirmSlots: on('confirmSlots', async (fleet, input) => real(fleet).confirmSlots(input)),
    cutOver: on('cutOver', async (fleet, input) => real(fleet).cutOver(input)),
    soakSlot: on('soakSlot', async (fleet, input) => real(fleet).soakSlot(input)),
    drainSlot: on('drainSlot', async (fleet, input) => real(fleet).drainSlot(input)),
    removeSlot: on('removeSlot', async (fleet, input) => real(fleet).removeSlot(input)),
    readSlots: on('readSlots', async (fleet, input) => real(fleet).readSlots(input)),
  };
}
