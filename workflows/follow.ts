import {
  CancellationScope,
  condition,
  ParentClosePolicy,
  type ChildWorkflowHandle,
  type Workflow,
  type WorkflowResultType,
} from '@temporalio/workflow';
import { fleetWorkflowId, stopWave } from './messages.ts';
import type { Run } from './run.ts';

/** What every child of an upgrade is started with. */
export type ChildOptions = {
  readonly workflowId: string;
  readonly parentClosePolicy: typeof ParentClosePolicy.REQUEST_CANCEL;
  readonly cancellationType: 'WAIT_CANCELLATION_COMPLETED';
};

/** Starts a child, tells it to start nothing new as soon as an operator interrupts, and waits for its end. */
export async function follow<Type extends Workflow>(
  run: Run,
  name: string,
  start: (options: ChildOptions) => Promise<ChildWorkflowHandle<Type>>,
): Promise<WorkflowResultType<Type>> {
  const { fleet, upgrade } = run.input;
  run.children += 1;
  const handle = await start({
    workflowId: `${fleetWorkflowId(fleet)}/${upgrade}/${name}/${run.children}`,
    // An upgrade that is cancelled leaves no child that goes on ordering hosts.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  });
  run.waveWorkflowId = handle.workflowId;
  run.isWaveTold = false;

  const watch = new CancellationScope();
  const interruption = watch
    .run(async () => {
      await condition(() => run.isInterrupted());
      await handle.signal(stopWave, { reason: run.wishes.pause ? 'pause' : (run.wishes.ending ?? 'stop') });
      run.isWaveTold = true;
    })
    // A child that ended meanwhile can't be signalled, and need not be.
    .catch(() => undefined);
  try {
    return await handle.result();
  } finally {
    watch.cancel();
    await interruption;
    run.waveWorkflowId = null;
  }
}
