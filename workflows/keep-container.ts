import { ParentClosePolicy, sleep, startChild } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { ContainerInput } from '../activities/member-activities.ts';
import { atEngine } from './proxies.ts';

/** Digits of a container's id that tell it from others on its host. */
const ID_DIGITS = 12;

export type KeepContainerInput = ContainerInput & {
  /** The container that is kept for a way back. */
  readonly id: string;
  readonly forMs: number;
};

/** Keeps an old container so long, whatever becomes of the upgrade's own workflow; then that one goes, and no other. */
export async function keepContainer({ id, forMs, ...container }: KeepContainerInput): Promise<void> {
  await sleep(forMs, { summary: `${container.container} on ${container.host} can go back until then` });
  const summary = `remove what was kept of ${container.container} on ${container.host}`;
  await atEngine.discardKept.executeWithOptions({ summary }, [{ ...container, only: id }]);
}

/** Returns when the keeping has begun; it goes on by itself. */
export async function startKeeping(input: KeepContainerInput): Promise<void> {
  const { fleet, host, container, id } = input;
  try {
    await startChild(keepContainer, {
      workflowId: `kept/${fleet}/${host}/${container}/${id.slice(0, ID_DIGITS)}`,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `keep the old ${container} on ${host}`,
    });
  } catch (error) {
    // It is kept already, by an earlier start of the same upgrade.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
