import type { DownloadPorts } from './downloader-job.ts';
import { createReplaceApi } from './replace-api.ts';
import { createReplaySuccessor } from './replay-successor.ts';
import type { SelfUpgradeActivities } from './self-upgrade-activities.ts';
import { createDropSuccessor, createStartSuccessor } from './start-successor.ts';
import { createRetireWorkers, createSwitchWorkers } from './switch-workers.ts';
import { createLoadAgents, createUpgradeAgent } from './upgrade-agent.ts';

export const createSelfUpgradeActivities = (ports: DownloadPorts): SelfUpgradeActivities => ({
  replaySuccessor: createReplaySuccessor(ports),
  startSuccessor: createStartSuccessor(ports),
  switchWorkers: createSwitchWorkers(ports),
  replaceApi: createReplaceApi(ports),
  dropSuccessor: createDropSuccessor(ports),
  retireWorkers: createRetireWorkers(ports),
  loadAgents: createLoadAgents(ports),
  upgradeAgent: createUpgradeAgent(ports),
});
