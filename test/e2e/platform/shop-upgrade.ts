import { loadFleet } from '../../../drivers/fleet-file.ts';
import { connectTemporal, type TemporalConnection } from '../../../client/connection.ts';
import { SHOP } from '../../../lab/shop-frontends.ts';
import type { Slot } from '../../../model/unit.ts';
import { unitWorkflowId } from '../../../workflows/messages.ts';
import { eventually } from '../../eventually.ts';
import { LOOK_EVERY_MS, type Answer } from './command-line.ts';
import { lab, refit, refitJson } from './refit.ts';

/** As `refit unit status --json` tells of the latest upgrade, and `refit unit upgrade --json` of its own. */
export type ShopUpgrade = {
  readonly id: string;
  readonly state: string;
  readonly step: string | null;
  readonly active: Slot | null;
  readonly standby: Slot | null;
  readonly error: string | null;
  readonly keptUntil: string | null;
  readonly steps: readonly {
    readonly name: string;
    readonly state: string;
    readonly startedAt: string | null;
    readonly finishedAt: string | null;
  }[];
  readonly jobs: readonly {
    readonly name: string;
    readonly state: string;
    readonly exitCode: number | null;
    readonly output: string;
  }[];
  readonly traffic: { readonly requests: number; readonly errors: number } | null;
  readonly findings: readonly { readonly host: string | null; readonly severity: string; readonly what: string }[];
};
export type ShopStatus = { readonly active: Slot | null; readonly upgrade: ShopUpgrade | null };

/** Longest until an upgrade is where a test waits for it; ms. A whole one takes half a minute. */
const WITHIN_MS = 120_000;
const OVER = ['succeeded', 'failed', 'rolledBack', 'aborted'];

export const upgradeShop = async (reference: string, options: readonly string[] = []): Promise<Answer> =>
  refit(['unit', 'upgrade', SHOP, reference, '--json', ...options]);

/** The document of an upgrade that ends with this exit code; else all that was said. */
export async function upgradedShop(
  reference: string,
  { options = [], exitCode = 0 }: { readonly options?: readonly string[]; readonly exitCode?: number } = {},
): Promise<ShopUpgrade> {
  return refitJson<ShopUpgrade>(['unit', 'upgrade', SHOP, reference, ...options], exitCode);
}

export const shopStatus = async (): Promise<ShopStatus> => refitJson<ShopStatus>(['unit', 'status', SHOP]);

/** A command on the unit, such as `approve cutover`. */
export const onShop = async (command: string, ...options: readonly string[]): Promise<Answer> => {
  const [verb = '', ...rest] = command.split(' ');
  return refit(['unit', verb, SHOP, ...rest, ...options]);
};

export async function untilShop(holds: (upgrade: ShopUpgrade) => boolean): Promise<ShopUpgrade> {
  let last: ShopUpgrade | null = null;
  try {
    return await eventually(
      async () => {
        last = (await shopStatus()).upgrade;
        return last !== null && holds(last) ? last : null;
      },
      { withinMs: WITHIN_MS, everyMs: LOOK_EVERY_MS },
    );
  } catch (error) {
    throw new Error(`the upgrade of the shop is ${JSON.stringify(last)}`, { cause: error });
  }
}

export const untilShopOver = async (): Promise<ShopUpgrade> => untilShop(({ state }) => OVER.includes(state));

/** No upgrade is at work: what an earlier run left is ended. */
export async function settleShop(): Promise<void> {
  const { upgrade } = await shopStatus();
  if (upgrade === null || OVER.includes(upgrade.state)) return;
  await onShop('abort', '--reason', 'end of a test');
  await untilShopOver();
}

/** While there is no worker; then there is one again, whatever came of it. */
export async function withoutWorker<Result>(work: () => Promise<Result>): Promise<Result> {
  await lab.killWorker('SIGKILL');
  try {
    return await work();
  } finally {
    await lab.startWorker();
  }
}

/** Time between the begin and the end of a step; ms. */
export function stepMs({ steps }: ShopUpgrade, name: string): number {
  const { startedAt = null, finishedAt = null } = steps.find((step) => step.name === name) ?? {};
  if (startedAt === null || finishedAt === null) throw new Error(`step ${name} did not come to its end`);
  return Date.parse(finishedAt) - Date.parse(startedAt);
}

/** What Temporal's Web UI shows beside the history: the current details. */
export async function shopPage(): Promise<string> {
  return withTemporal(async ({ client }) => {
    const handle = client.workflow.getHandle(unitWorkflowId(lab.name, SHOP));
    return (await handle.query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;
  });
}

/** All texts in the histories of the unit's upgrades since then: payloads as they are inside, and what is listed of each run. */
export async function shopHistories(since: Date): Promise<{ readonly runs: number; readonly text: string }> {
  return withTemporal(async ({ client }) => {
    const texts: string[] = [];
    let runs = 0;
    const query = `WorkflowId = "${unitWorkflowId(lab.name, SHOP)}" AND StartTime >= "${since.toISOString()}"`;
    for await (const { workflowId, runId, raw } of client.workflow.list({ query })) {
      runs += 1;
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      texts.push(...textsOf(raw), ...textsOf(history));
    }
    return { runs, text: texts.join('\n') };
  });
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => [name, ...textsOf(each)]);
}

async function withTemporal<Result>(work: (temporal: TemporalConnection) => Promise<Result>): Promise<Result> {
  const temporal = await connectTemporal(loadFleet(lab.paths.fleetFile));
  try {
    return await work(temporal);
  } finally {
    await temporal.close();
  }
}
