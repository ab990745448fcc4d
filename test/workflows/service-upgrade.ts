import { WorkflowFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { parseDigest, parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import {
  defaultServicePolicy,
  type MemberState,
  type ServicePolicy,
  type ServiceProgress,
  type ServiceUpgradeInput,
} from '../../model/service.ts';
import { serviceProgress, serviceWorkflowId, upgradeServiceType } from '../../workflows/messages.ts';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { Spoken } from './spoken.ts';

/** Longest that a test waits for an upgrade to get somewhere; ms. */
const WITHIN_MS = 60_000;

/** Durations that a test can wait for. */
const quickPolicy: ServicePolicy = {
  ...defaultServicePolicy,
  health: { minHealthyTimeMs: 0, deadlineMs: 10_000, probe: null },
  drainMs: 100,
  environmentRetryMs: 20,
  environmentRetries: 3,
};

export const NEW_IMAGE = 'registry.lab:5000/web:2';
const web = parseServiceId('web');

/** Where a service's upgrades are started. */
export type ServiceWorld = { readonly client: Client; readonly taskQueue: string };

export type ServiceChanges = Partial<Omit<ServiceUpgradeInput, 'policy'>> & {
  readonly policy?: Partial<ServicePolicy>;
};

/** One upgrade of the service `web`, as an operator sees it. */
export class ServiceUpgrade extends Spoken {
  async progress(): Promise<ServiceProgress> {
    return this.handle.query(serviceProgress);
  }

  async until(check: (progress: ServiceProgress) => boolean): Promise<ServiceProgress> {
    return eventually(
      async () => {
        const now = await this.progress();
        if (check(now)) return now;
        throw new Error(`it is ${now.state} in ${now.phase ?? 'no phase'}, waits for ${JSON.stringify(now.waiting)}`);
      },
      { withinMs: WITHIN_MS, everyMs: 20 },
    );
  }

  /** How it ended, also if it failed; then with the failure's type. */
  async end(): Promise<ServiceProgress & { readonly failure: string | null }> {
    try {
      return { ...((await this.handle.result()) as ServiceProgress), failure: null };
    } catch (error) {
      if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
      const [details] = error.cause.details ?? [];
      return { ...(details as ServiceProgress), failure: error.cause.type ?? null };
    }
  }
}

export async function startService(
  { client, taskQueue }: ServiceWorld,
  fleet: FakeFleet,
  changes: ServiceChanges = {},
): Promise<ServiceUpgrade> {
  const workflowId = serviceWorkflowId(fleet.name, web);
  const args = [makeInput(fleet, changes)];
  const options = { workflowId, taskQueue, args, workflowIdConflictPolicy: 'FAIL' } as const;
  return new ServiceUpgrade(await client.workflow.start(upgradeServiceType, options));
}

/** What an upgrade is started with. */
export function makeInput(fleet: FakeFleet, { policy, ...changes }: ServiceChanges = {}): ServiceUpgradeInput {
  const upgrade = changes.upgrade ?? parseUpgradeId('web-7');
  return {
    ...{ action: 'upgrade', takeBack: upgrade, upgrade, fleet: fleet.name, image: NEW_IMAGE, reference: NEW_IMAGE },
    service: {
      name: web,
      selector: { 'dev.refit.service': 'web' },
      balancer: { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' },
    },
    digest: parseDigest(`sha256:${'3'.repeat(64)}`),
    ...{ settings: {}, requestedBy: 'test', release: null },
    ...changes,
    policy: { ...quickPolicy, ...policy },
  };
}

/** State of each member by its name. */
export const memberStates = ({ members }: ServiceProgress): Readonly<Record<string, MemberState>> =>
  Object.fromEntries(members.map(({ host, container, state }) => [`${host}/${container}`, state]));

export const inPairs = {
  strategy: { strategy: 'phases', size: { hosts: 2 } },
} as const satisfies Partial<ServicePolicy>;
export const webHosts = ['host-1', 'host-2', 'host-3'] as const;

/** Six members on three hosts, behind a load balancer. */
export function addSix(fleet: FakeFleet): FakeFleet {
  fleet.members.add(webHosts, { each: 2 });
  return fleet;
}

/** What happened, of one kind, in order. */
export const events = (fleet: FakeFleet, kind: RegExp): readonly string[] =>
  fleet.log.filter((event) => kind.test(event));
