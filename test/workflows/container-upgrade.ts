import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ContainerProgress, ContainerUpgrade, ContainerUpgradeInput } from '../../model/container-upgrade.ts';
import { parseHostId, parseUpgradeId } from '../../model/ids.ts';
import { containerProgress, containerWorkflowId, upgradeContainerType } from '../../workflows/messages.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { NEW_IMAGE, type ServiceWorld } from './service-upgrade.ts';
import { Spoken } from './spoken.ts';

const host = parseHostId('host-1');

export const toNewImage: ContainerUpgrade = {
  ...{ action: 'upgrade', image: NEW_IMAGE, settings: {}, envFile: null, keepOldMs: 0 },
  health: { minHealthyTimeMs: 0, deadlineMs: 5_000, probe: null },
};

export type ContainerEnd = ContainerProgress & { readonly failure: string | null };

/** One upgrade of the container `web-1` on host-1. */
export class ContainerUpgradeRun extends Spoken {
  async progress(): Promise<ContainerProgress> {
    return this.handle.query(containerProgress);
  }

  /** How it ended, also if it failed; then with the failure's type. */
  async end(): Promise<ContainerEnd> {
    try {
      return { ...((await this.handle.result()) as ContainerProgress), failure: null };
    } catch (error) {
      if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
      const [details] = error.cause.details ?? [];
      return { ...(details as ContainerProgress), failure: error.cause.type ?? null };
    }
  }
}

/** Without a load balancer. */
export function addContainer(fleet: FakeFleet): FakeFleet {
  fleet.members.add([host], { serverState: null });
  return fleet;
}

export async function startContainer(
  { client, taskQueue }: ServiceWorld,
  fleet: FakeFleet,
  given: { readonly action: ContainerUpgradeInput['action']; readonly container?: string | undefined },
): Promise<ContainerUpgradeRun> {
  const { action, container = 'web-1' } = given;
  const upgrade = parseUpgradeId(`c-${fleet.log.length}`);
  const input: ContainerUpgradeInput = { upgrade, fleet: fleet.name, host, container, action, requestedBy: 'test' };
  const workflowId = containerWorkflowId(fleet.name, { host, container });
  const options = { workflowId, taskQueue, args: [input], workflowIdConflictPolicy: 'FAIL' } as const;
  return new ContainerUpgradeRun(await client.workflow.start(upgradeContainerType, options));
}
