import { condition, setHandler } from '@temporalio/workflow';
import { begun } from './workflows.ts';

/** The workflow of another build: it forgets the timer that the first one has set. */
export async function waiting(): Promise<void> {
  setHandler(begun, () => true);
  await condition(() => false);
}
