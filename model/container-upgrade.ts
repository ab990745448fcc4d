import type { Digest, FleetId, HostId, UpgradeId } from './ids.ts';
import type { ContainerHealth, ContainerSettings } from './replacement.ts';
import type { MemberState } from './service.ts';
import type { Waiting } from './upgrade.ts';

/** What upgradeContainer is started with: references only; of secrets the file's name. */
export type ContainerUpgradeInput = {
  readonly upgrade: UpgradeId;
  readonly fleet: FleetId;
  readonly host: HostId;
  readonly container: string;
  readonly action: ContainerUpgrade | { readonly action: 'rollback' };
  readonly requestedBy: string;
};
export type ContainerUpgrade = {
  readonly action: 'upgrade';
  /** As the operator gave it: `repository:tag`, `repository@digest`, or the id or name of an image that the host has. */
  readonly image: string;
  readonly settings: ContainerSettings;
  /** Lines `NAME=value`, on the worker's disk: read when used, so that no value enters a history. */
  readonly envFile: string | null;
  readonly health: ContainerHealth;
  /** How long the old container is kept for a fast way back; 0: not at all. ms. */
  readonly keepOldMs: number;
};

export type ContainerUpgradeState = 'running' | 'succeeded' | 'alreadyThere' | 'failed' | 'rolledBack';

/** Also the workflow's result. */
export type ContainerProgress = {
  readonly id: UpgradeId;
  readonly fleet: FleetId;
  readonly host: HostId;
  readonly container: string;
  readonly state: ContainerUpgradeState;
  /** Of the container. */
  readonly member: MemberState;
  /** pulling, replacing and so on; null: nothing is done. */
  readonly stage: string | null;
  readonly from: { readonly image: string; readonly imageId: string } | null;
  readonly to: { readonly image: string; readonly digest: Digest | null } | null;
  readonly containerId: string | null;
  readonly awayMs: number | null;
  readonly keptUntil: number | null;
  readonly notes: readonly string[];
  readonly waiting: readonly Waiting[];
  readonly error: string | null;
  readonly startedAt: number;
  readonly finishedAt: number | null;
};
