import {
  ApplicationFailure,
  condition,
  allHandlersFinished,
  isCancellation,
  rootCause,
  setHandler,
  TemporalFailure,
} from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import type { Progress, UpgradeInput } from '../model/upgrade.ts';
import { handleCommands } from './commands.ts';
import { hops } from './hop.ts';
import { progress } from './messages.ts';
import { removeMigrationJobs } from './migrations-back.ts';
import { preflight } from './preflight.ts';
import { rollBack } from './rollback.ts';
import { Run, type Ending } from './run.ts';
import { selfUpgrade } from './self-upgrade.ts';
import { discardKept } from './services-back.ts';
import { retireWorkers } from './successor-settled.ts';

/** One upgrade of one fleet: preflight, self-upgrade, then hop by hop download, install, services, migrations, verify; or back again. */
export async function upgradeFleet(input: UpgradeInput): Promise<Progress> {
  const run = new Run(input);
  setHandler(progress, () => ({ ...run.progress(), waveWorkflowId: run.waveWorkflowId }), {
    description: 'state, phase, hosts, what it waits for and who can move it on',
  });
  handleCommands(run);

  try {
    const ending = await forward(run);
    if (ending === 'failed') throw failed(run);
    if (ending === 'go') await discardKept(run);
    const end = ending === 'go' ? 'succeeded' : ending === 'abort' ? 'aborted' : await rollBack(run);
    if (end !== 'aborted') await removeMigrationJobs(run);
    if (end !== 'aborted') await retireWorkers(run);
    await condition(allHandlersFinished);
    return run.end(end);
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    if (isCancellation(error)) {
      run.error = 'cancelled in Temporal: what was at work on a host ends by itself, other hosts stay as they are';
      return run.end('aborted');
    }
    if (run.state === 'failed') throw error;
    run.error = rootCause(error) ?? 'unknown cause';
    throw failed(run);
  }
}

async function forward(run: Run): Promise<Ending | 'failed'> {
  for (const phase of [preflight, selfUpgrade, hops]) {
    const ending = await phase(run);
    if (ending !== 'go') return ending;
  }
  // A command may be accepted in the very moment in which the last phase ends.
  const ending = run.ending();
  run.isClosing = ending === 'go';
  return ending;
}

function failed(run: Run): ApplicationFailure {
  const type = failureTypes.upgradeFailed;
  const end = run.end('failed');
  return ApplicationFailure.create({ type, message: end.error ?? 'failed', details: [end], nonRetryable: true });
}
