import { WorkflowFailedError, type Client, type WorkflowHandleWithStartDetails } from '@temporalio/client';
import { ApplicationFailure, TypedSearchAttributes } from '@temporalio/common';
import { toProgress } from '../../client/parse.ts';
import { parseHostId, parseUpgradeId, type UpgradeId } from '../../model/ids.ts';
import { defaultPolicy, type Policy } from '../../model/policy.ts';
import type { HostProgress, Progress, UpgradeInput } from '../../model/upgrade.ts';
import { fleetWorkflowId, progress, upgradeFleetType } from '../../workflows/messages.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { eventually } from '../eventually.ts';
import { Spoken } from './spoken.ts';

/** Longest that a test waits for an upgrade to get somewhere; ms. */
const WITHIN_MS = 30_000;

/** Durations that a test can wait for. */
const quickPolicy: Policy = { ...defaultPolicy, environmentRetryMs: 20, environmentRetries: 3 };

/** One upgrade, as an operator sees it. */
export class Upgrade extends Spoken {
  readonly id: UpgradeId;

  constructor(id: UpgradeId, handle: WorkflowHandleWithStartDetails) {
    super(handle);
    this.id = id;
  }

  async progress(): Promise<Progress & { readonly waveWorkflowId: string | null }> {
    return this.handle.query(progress);
  }

  async until(check: (progress: Progress) => boolean): Promise<Progress> {
    return eventually(
      async () => {
        const now = await this.progress();
        if (check(now)) return now;
        throw new Error(`it is ${now.state} in ${now.phase}, waits for ${JSON.stringify(now.waiting)}`);
      },
      { withinMs: WITHIN_MS, everyMs: 20 },
    );
  }

  async onHost(name: 'retryHost' | 'skipHost', host: string): Promise<string> {
    return this.command(name, { host: parseHostId(host) });
  }

  /** How it ended, also if it failed. */
  async end(): Promise<Progress> {
    try {
      const result: unknown = await this.handle.result();
      const progress = toProgress(result);
      if (progress !== null) return progress;
      throw new Error(`expected progress, got ${JSON.stringify(result)}`);
    } catch (error) {
      if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
      const found = error.cause.details?.map(toProgress).find((each) => each !== null);
      if (found === undefined) throw error;
      return found;
    }
  }
}

export async function startUpgrade(start: {
  readonly client: Client;
  readonly taskQueue: string;
  readonly fleet: FakeFleet;
  readonly policy: Partial<Policy>;
}): Promise<Upgrade> {
  const { client, taskQueue, fleet } = start;
  const upgrade = parseUpgradeId(`${fleet.name}-1`);
  const input: UpgradeInput = {
    upgrade,
    fleet: fleet.name,
    reference: 'registry.lab:5000/sample:2.0.0',
    digest: fleet.release.digest,
    policy: { ...quickPolicy, ...start.policy },
    tree: null,
    requestedBy: 'test',
  };
  const handle = await client.workflow.start(upgradeFleetType, {
    workflowId: fleetWorkflowId(fleet.name),
    ...{ taskQueue, args: [input], workflowIdConflictPolicy: 'FAIL' },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.fleet, value: fleet.name },
      { key: searchAttributes.upgrade, value: upgrade },
    ]),
  });
  return new Upgrade(upgrade, handle);
}

/** State of each host by its name. */
export const statesOf = (progress: Progress): Readonly<Record<string, HostProgress['state']>> =>
  Object.fromEntries(progress.hosts.map(({ name, state }) => [name, state]));

export async function eventCount(upgrade: Upgrade): Promise<number> {
  const { events } = await upgrade.handle.fetchHistory();
  return events?.length ?? 0;
}
