import { cancellationSignal } from '@temporalio/activity';
import type { SelfUpgradeActivities } from '../../activities/self-upgrade-activities.ts';
import { MAX_WAVE_HOSTS } from '../../model/plan.ts';
import type { On } from './members.ts';
import { whileBeating } from './while-beating.ts';

/** The upgrader's own activities over fleets in memory. */
export const createFakeSelfUpgrade = (on: On): SelfUpgradeActivities => ({
  replaySuccessor: on('replaySuccessor', async ({ itself }) => Promise.resolve(itself.replay())),
  startSuccessor: on('startSuccessor', async ({ itself }, { host, image }) =>
    Promise.resolve(itself.start(host, image)),
  ),
  dropSuccessor: on('dropSuccessor', async ({ itself }, { host, image }) => {
    itself.drop(host, image);
    return Promise.resolve();
  }),
  switchWorkers: on('switchWorkers', async ({ itself }, { image }) => Promise.resolve(itself.switch(image))),
  replaceApi: on('replaceApi', async ({ itself }, { host, image }) => Promise.resolve(itself.replaceApi(host, image))),
  retireWorkers: on('retireWorkers', async ({ itself }, { image }) => Promise.resolve(itself.retire(image))),
  loadAgents: on('loadAgents', async ({ itself }, { offset }) =>
    Promise.resolve(itself.standings(offset, MAX_WAVE_HOSTS)),
  ),
  upgradeAgent: on('upgradeAgent', async (fleet, { host, agent }) => {
    const { itself } = fleet;
    itself.begin(host);
    await whileBeating(async () => fleet.until(() => !itself.held.has(host), cancellationSignal()));
    return itself.end(host, agent);
  }),
});
