import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseUpgradeId, type UpgradeId } from '../../model/ids.ts';
import type { LocalAction } from '../../model/local-job.ts';
import type { Release, ReleaseRef } from '../../model/release.ts';
import type { EditedAnswer } from '../../model/upgrade.ts';
import { parseAgentConfig, type AgentConfig } from '../config.ts';
import { readJobOrder, type JobOrder } from '../download/environment.ts';
import type { Places } from '../places.ts';

/** What the local jobs are told by their environment, besides what the Downloader Job is. */
const LocalEnvironment = z.object({
  REFIT_LOCAL_ACTION: z.enum(['install', 'revert']).default('install'),
  /** Names one command of a person, so that the same job, started again after a reboot, goes on with what it ordered. */
  REFIT_LOCAL_UPGRADE: z.string().transform(parseUpgradeId),
  REFIT_RELEASE_REPOSITORY: z.string().min(1),
  REFIT_EDITED: z.enum(['keep', 'replace', '']).default(''),
  /** One name a line. */
  REFIT_ACCEPT_RISKS: z.string().default(''),
});

export type LocalJob = {
  readonly action: LocalAction;
  readonly upgrade: UpgradeId;
  readonly repository: string;
  readonly edited: EditedAnswer | null;
  readonly acceptRisks: readonly string[];
  readonly order: JobOrder;
};

export function readLocalJob(env: Readonly<Record<string, string | undefined>>, places: Places): LocalJob {
  const parsed = LocalEnvironment.safeParse(env);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.map(String).join('.') ?? '';
    throw new Error(`the job's environment: ${field}: ${issue?.message ?? 'not valid'}`);
  }
  const { data } = parsed;
  return {
    action: data.REFIT_LOCAL_ACTION,
    upgrade: data.REFIT_LOCAL_UPGRADE,
    repository: data.REFIT_RELEASE_REPOSITORY,
    edited: data.REFIT_EDITED === '' ? null : data.REFIT_EDITED,
    acceptRisks: data.REFIT_ACCEPT_RISKS.split('\n').filter((name) => name !== ''),
    order: withOwnConfig(readJobOrder(env), places),
  };
}

export const refOf = ({ order, repository }: LocalJob, { name, version }: Release): ReleaseRef => ({
  ...{ name, version, repository },
  ...{ digest: order.release, contents: order.contents },
});

/** A host that is one of a fleet stays one: its configuration comes from the fleet's Downloader Job alone. */
function withOwnConfig(order: JobOrder, places: Places): JobOrder {
  const configText = existsSync(places.config) ? readFileSync(places.config, 'utf8') : null;
  const own = configText === null ? null : readable(configText, places);
  if (own === null || configText === null || (own.etcd === null && order.config.etcd !== null)) return order;
  return { ...order, config: own, configText };
}

/** One that can't be read starts no agent, so it is not worth keeping. */
function readable(text: string, places: Places): AgentConfig | null {
  try {
    return parseAgentConfig(text, places.config);
  } catch {
    return null;
  }
}
