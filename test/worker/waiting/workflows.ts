import { defineQuery, setHandler, sleep } from '@temporalio/workflow';

export const begun = defineQuery<boolean>('begun');

/** Waits until it is ended from outside. */
export async function waiting(): Promise<void> {
  setHandler(begun, () => true);
  await sleep('1 hour');
}
