import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { Fence } from '../../../activities/fenced-write.ts';
import { withdrawOrders } from '../../../activities/withdraw-orders.ts';
import * as values from '../../../drivers/bus-values.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** The activities' own code, over the simulated bus and its faults. */
export async function withdrawOverBus({ world, store }: { world: World; store: Store }, fence: Fence): Promise<void> {
  const isAlive = (): boolean => true;
  const ports = { bus: store.connect(isAlive, () => undefined), clock: world.clock(isAlive), values };
  const logger = new DefaultLogger('INFO', ({ message, meta }) =>
    world.note(() => `worker ${fence.epoch} ${message} ${String(meta?.['key'])}`),
  );
  await new MockActivityEnvironment({}, { logger }).run(async () => withdrawOrders(ports, fence));
}
