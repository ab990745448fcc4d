import { WorkflowFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { parseUpgradeId } from '../../model/ids.ts';
import { defaultUnitPolicy, type UnitPolicy } from '../../model/unit.ts';
import type { UnitProgress, UnitUpgradeInput } from '../../model/unit-upgrade.ts';
import { unitProgress, unitWorkflowId, upgradeUnitType } from '../../workflows/messages.ts';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { shop } from '../model/units.ts';
import { Spoken } from './spoken.ts';

/** Longest that a test waits for an upgrade to get somewhere; ms. */
const WITHIN_MS = 60_000;

/** Durations that a test can wait for. */
const quickPolicy: UnitPolicy = {
  ...defaultUnitPolicy,
  soak: { durationMs: 50, maxErrorRate: 0.1, minRequests: 10, windowMs: 1_000, unhealthyMs: 100 },
  keepMs: 0,
  drainMs: 100,
  confirmMs: 500,
};

export type UnitChanges = Partial<Omit<UnitUpgradeInput, 'policy'>> & { readonly policy?: Partial<UnitPolicy> };

/** One upgrade of the unit `shop`, as an operator sees it. */
export class UnitUpgrade extends Spoken {
  async progress(): Promise<UnitProgress> {
    return this.handle.query(unitProgress);
  }

  async until(check: (progress: UnitProgress) => boolean): Promise<UnitProgress> {
    return eventually(
      async () => {
        const now = await this.progress();
        if (check(now)) return now;
        throw new Error(`it is ${now.state} in ${now.step ?? 'no step'}, waits for ${JSON.stringify(now.waiting)}`);
      },
      { withinMs: WITHIN_MS, everyMs: 20 },
    );
  }

  /** How it ended, also if it failed; then with the failure's type and words. */
  async end(): Promise<UnitProgress & { readonly failure: string | null; readonly because: string }> {
    try {
      return { ...((await this.handle.result()) as UnitProgress), failure: null, because: '' };
    } catch (error) {
      if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
      const [details] = error.cause.details ?? [];
      return { ...(details as UnitProgress), failure: error.cause.type ?? null, because: error.cause.message };
    }
  }
}

export type UnitWorld = { readonly client: Client; readonly taskQueue: string };

let count = 0;

export async function startUnit(
  { client, taskQueue }: UnitWorld,
  fleet: FakeFleet,
  { policy, ...changes }: UnitChanges = {},
): Promise<UnitUpgrade> {
  const { units } = fleet;
  if (units === null) throw new Error(`${fleet.name} has no unit`);
  count += 1;
  const input: UnitUpgradeInput = {
    ...{ action: 'upgrade', upgrade: parseUpgradeId(`shop-${count}`), fleet: fleet.name, unit: shop },
    ...{ release: units.read().ref, requestedBy: 'test', ...changes },
    policy: { ...quickPolicy, ...policy },
  };
  const workflowId = unitWorkflowId(fleet.name, shop);
  const options = { workflowId, taskQueue, args: [input], workflowIdConflictPolicy: 'FAIL' } as const;
  return new UnitUpgrade(await client.workflow.start(upgradeUnitType, options));
}

/** A fleet that has the unit at 1.0.0 in slot blue, and 2.0.0 in its registry. */
export async function installed(world: UnitWorld, fleet: FakeFleet): Promise<FakeFleet> {
  const units = fleet.units ?? fleet.install();
  const { unit } = units;
  units.publish('1.0.0', { ...unit, tests: [], migrations: [], accountData: null });
  const first = await (await startUnit(world, fleet)).end();
  if (first.state !== 'succeeded') throw new Error(`the first install is ${first.state}: ${first.because}`);
  units.publish('2.0.0', unit);
  units.ran.length = 0;
  fleet.log.length = 0;
  return fleet;
}
