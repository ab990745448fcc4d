import { ActivityFailure, isCancellation, rootCause } from '@temporalio/workflow';
import { cutPages, PAGE_LENGTH } from '../model/pages.ts';
import { isFenced } from './gate.ts';
import { telling } from './proxies.ts';
import type { Operated } from './operated.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Members of one write to the bus: etcd takes 128 operations together. */
const MAX_TOLD = 100;

/** The members' states, for all who read the bus. */
export async function tell(run: ServiceRun, members: readonly MemberRun[]): Promise<void> {
  const { fleet, upgrade, service, image } = run.input;
  const states = members.map(({ found, state }) => ({ host: found.host, container: found.container, state }));
  for (const page of cutPages(states, { length: PAGE_LENGTH, items: MAX_TOLD })) {
    const summary = `tell the state of ${page.length} members`;
    const input = { fleet, upgrade, service: service.name, image, states: page };
    await bestEffort(run, 'tell the bus', async () => telling.tellMembers.executeWithOptions({ summary }, [input]));
  }
}

/** A step that the upgrade does not depend on: what it could not do is noted. */
export async function bestEffort(run: Operated, what: string, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error) || isFenced(error)) throw error;
    const because = rootCause(error) ?? 'unknown cause';
    run.decide({ rule: 'best-effort', decision: `go on without: ${what}`, because, by: 'policy' });
  }
}
