import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { join } from 'node:path';
import type { waiting as other } from './other-workflows.ts';
import type { waiting as same } from './workflows.ts';

export type Waiting = typeof same | typeof other;

/** A workflow that waits, as one build has it, and as another, which can't go on with its runs. */
export const bundleWaiting = async (): Promise<WorkflowBundle> => bundle('workflows.ts');
export const bundleOther = async (): Promise<WorkflowBundle> => bundle('other-workflows.ts');

const bundle = async (file: string): Promise<WorkflowBundle> =>
  bundleWorkflowCode({ workflowsPath: join(import.meta.dirname, file), logger: new DefaultLogger('ERROR') });
