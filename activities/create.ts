import type { Activities } from './activities.ts';
import { createReadOutcomes, createSetHold, createStandDown, createStartChain } from './chain-orders.ts';
import { createMigrationActivities } from './create-migrations.ts';
import { createSelfUpgradeActivities } from './create-self-upgrade.ts';
import { createMemberActivities } from './create-members.ts';
import { createDownloadRelease } from './download.ts';
import { createClaimEpoch } from './epoch.ts';
import { createFollowChain } from './follow-chain.ts';
import { HostLevels } from './host-levels.ts';
import { createOrderHost, createProbeHost } from './host-order.ts';
import { createLoadService, createLoadServices } from './load-service.ts';
import { createLoadWave, PlanStore } from './plan-store.ts';
import type { Ports } from './ports.ts';
import { createPreflight } from './preflight.ts';
import { ReleaseCache } from './release-cache.ts';
import { createTrafficActivities } from './create-traffic.ts';
import { createUnitActivities } from './create-unit.ts';
import { createVerifyFleet } from './verify.ts';

/** The activities over the given ports. They take no decision: policy is the workflows'. */
export function createActivities(given: Ports): Activities {
  const ports = {
    ...given,
    hosts: new HostLevels(given),
    plans: new PlanStore(given),
    releases: new ReleaseCache(given.registry),
  };
  return {
    claimEpoch: createClaimEpoch(ports),
    preflight: createPreflight(ports),
    loadWave: createLoadWave(ports.plans),
    loadServices: createLoadServices(ports.plans),
    loadService: createLoadService(ports),
    downloadRelease: createDownloadRelease(ports),
    orderHost: createOrderHost(ports),
    startChain: createStartChain(ports),
    followChain: createFollowChain(ports),
    readOutcomes: createReadOutcomes(ports),
    standDown: createStandDown(ports),
    setHold: createSetHold(ports),
    probeHost: createProbeHost(ports),
    verifyFleet: createVerifyFleet(ports),
    ...createMemberActivities(ports),
    ...createTrafficActivities(ports),
    ...createUnitActivities(ports),
    ...createMigrationActivities(ports),
    ...createSelfUpgradeActivities(ports),
  };
}
