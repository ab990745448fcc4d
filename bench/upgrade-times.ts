import { Connection, Client } from '@temporalio/client';
import { fleetWorkflowId } from '../workflows/messages.ts';

/** When one host's order went through Temporal; ms since the epoch, by the server's clock. */
export type HostTimes = { readonly scheduled: number; readonly started: number; readonly completed: number };

export type UpgradeTimes = {
  /** The whole run, from its start to its end. */
  readonly runMs: number;
  /** From the first host's order to the last one's answer. */
  readonly installMs: number;
  readonly hosts: readonly HostTimes[];
};

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
export type Event = NonNullable<History['events']>[number];

/** Waits for the fleet's run to end, and reads from its histories when every host was ordered and answered. */
export async function readUpgradeTimes(address: string, fleet: string): Promise<UpgradeTimes> {
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    const handle = workflow.getHandle(fleetWorkflowId(fleet));
    await handle.result();
    const events = await eventsOf(workflow, fleetWorkflowId(fleet));
    const children = events.flatMap((event) => event.childWorkflowExecutionStartedEventAttributes ?? []);
    const waves = children.filter(({ workflowType }) => workflowType?.name === 'upgradeWave');
    const histories = await Promise.all(
      waves.map(({ workflowExecution }) => eventsOf(workflow, workflowExecution?.workflowId ?? '')),
    );
    const hosts = histories.flatMap(hostTimes);
    return { runMs: spanOf(events.map(timeOf)), installMs: spanOf(hosts.flatMap(Object.values<number>)), hosts };
  } finally {
    await connection.close();
  }
}

async function eventsOf(workflow: Client['workflow'], workflowId: string): Promise<readonly Event[]> {
  const { events } = await workflow.getHandle(workflowId).fetchHistory();
  return events ?? [];
}

/** One entry a host that was ordered, in the order in which they went. */
export function hostTimes(events: readonly Event[]): readonly HostTimes[] {
  const started = new Map<string, number>();
  const completed = new Map<string, number>();
  for (const event of events) {
    const start = event.activityTaskStartedEventAttributes;
    const end = event.activityTaskCompletedEventAttributes;
    if (start) started.set(String(start.scheduledEventId), timeOf(event));
    if (end) completed.set(String(end.scheduledEventId), timeOf(event));
  }
  return events.flatMap((event) => {
    if (event.activityTaskScheduledEventAttributes?.activityType?.name !== 'orderHost') return [];
    const id = String(event.eventId);
    const [start, end] = [started.get(id), completed.get(id)];
    return start === undefined || end === undefined
      ? []
      : [{ scheduled: timeOf(event), started: start, completed: end }];
  });
}

function timeOf({ eventTime }: Event): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1_000_000;
}

const spanOf = (times: readonly number[]): number => (times.length === 0 ? 0 : Math.max(...times) - Math.min(...times));
