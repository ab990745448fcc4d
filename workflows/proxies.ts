import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/activities.ts';
import { failureTypes } from '../model/failures.ts';

/** A long time without a worker or a registry is no reason to give up: an operator decides, not a timer. */
const GIVE_UP_AFTER = '30 days';
/** Beats come every second; three missed ones and some slack mean that the worker is gone. */
const HEARTBEAT_TIMEOUT = '10 seconds';

const retry = {
  initialInterval: '200 milliseconds',
  maximumInterval: '10 seconds',
  nonRetryableErrorTypes: [failureTypes.fenced, failureTypes.wrongInput],
};

/** Reads and writes of the bus: they take milliseconds, or wait for etcd to come back. A killed worker's is tried again soon. */
export const quick = proxyActivities<Activities>({
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: GIVE_UP_AFTER,
  retry,
});

/** Reads every host of the fleet, or writes an order for each. */
export const reading = proxyActivities<Activities>({
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '60 seconds',
  scheduleToCloseTimeout: GIVE_UP_AFTER,
  retry,
});

/** Waits for a host; the attempt's own bound is the host's deadline. */
export const onHost = proxyActivities<Activities>({
  startToCloseTimeout: '1 day',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: GIVE_UP_AFTER,
  retry,
});

/** Looks at one host. Its verdict is a help, not a need: no answer is one. */
export const probing = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '5 minutes',
  retry,
});

/** Reads or tidies an engine: seconds, or until the engine answers. */
export const atEngine = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: GIVE_UP_AFTER,
  retry,
});

/** A step of a unit. What is cancelled is waited for: nothing of a slot is made any more while the slot is removed. */
export const onUnit = proxyActivities<Activities>({
  startToCloseTimeout: '1 day',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: GIVE_UP_AFTER,
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry,
});

/** Asks before anything is changed, or tidies what does no harm: whoever waits is told soon. */
export const soon = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '2 minutes',
  retry,
});

/** Tidies hosts one after another, while an upgrade waits: what can't be done now is told, and done by the next one. */
export const tidying = proxyActivities<Activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '10 minutes',
  retry,
});

/** Tells the bus what is going on: an upgrade does not wait for an etcd that is away. */
export const telling = proxyActivities<Activities>({
  startToCloseTimeout: '5 seconds',
  scheduleToCloseTimeout: '15 seconds',
  retry,
});
