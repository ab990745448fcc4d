import {
  CancellationScope,
  condition,
  ParentClosePolicy,
  type ChildWorkflowHandle,
  type Workflow,
  type WorkflowResultType,
} from '@temporalio/workflow';
import { fleetWorkflowId, stopWave, type StopReason } from './messages.ts';
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
  run.wave = 'atWork';
  const watch = new CancellationScope();
  try {
    const handle = await start({
      workflowId: `${fleetWorkflowId(fleet)}/${upgrade}/${name}/${run.children}`,
      // An upgrade that is cancelled leaves no child that goes on ordering hosts.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    });
    run.waveWorkflowId = handle.workflowId;
    // A child that ended meanwhile can't be signalled, and need not be.
    const telling = watch.run(async () => tell(run, handle)).catch(() => undefined);
    try {
      return await handle.result();
    } finally {
      watch.cancel();
      await telling;
    }
  } finally {
    run.wave = 'none';
    run.waveWorkflowId = null;
  }
}

/** Every interruption, also one that follows another: a download that was paused ends at once when all of it goes back. */
async function tell(run: Run, handle: ChildWorkflowHandle<Workflow>): Promise<never> {
  let told: StopReason | null = null;
  const reason = (): StopReason | null => run.wishes.ending ?? (run.wishes.pause ? 'pause' : null);
  // Ends by cancellation, with the child.
  for (;;) {
    await condition(() => reason() !== null && reason() !== told);
    told = reason();
    if (told === null) continue;
    await handle.signal(stopWave, { reason: told });
    run.wave = 'told';
  }
}
