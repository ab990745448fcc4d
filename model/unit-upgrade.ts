import type { Digest, FleetId, HostId, ServiceId, UnitId, UpgradeId } from './ids.ts';
import type { ReleaseRef } from './release.ts';
import type { SlotTraffic } from './slot-balancer.ts';
import type { Slot, SlotOrShared, UnitPolicy } from './unit.ts';
import type { Decision, Finding, UpgradeState, Waiting } from './upgrade.ts';
import { advance } from './transition.ts';

/** What upgradeUnit is started with: references only. */
export type UnitUpgradeInput = {
  /** upgrade: the new slot is made, tested and cut over to · deleteStandby: the slot that takes no requests goes. */
  readonly action: 'upgrade' | 'deleteStandby';
  readonly upgrade: UpgradeId;
  readonly fleet: FleetId;
  readonly unit: UnitId;
  /** null: deleteStandby needs none. */
  readonly release: ReleaseRef | null;
  readonly policy: UnitPolicy;
  readonly requestedBy: string;
};

/** The steps of a unit's upgrade, in their order. `return` is the way back of the requests. */
export const unitSteps = [
  'preflight',
  'pull',
  'create',
  'networks',
  'files',
  'shared',
  'expand',
  'services',
  'accountData',
  'addOns',
  'tests',
  'confirm',
  'approval',
  'cutover',
  'soak',
  'keep',
  'delete',
  'contract',
  'return',
] as const;
export type UnitStep = (typeof unitSteps)[number];

export type UnitStepState = keyof typeof unitStepTransitions;

/** The table of transitions; the diagram in docs/units.md is generated from it. */
export const unitStepTransitions = {
  pending: ['running', 'skipped'],
  running: ['done', 'failed', 'skipped'],
  done: ['running'],
  failed: ['running', 'skipped'],
  skipped: ['running'],
} as const satisfies Record<string, readonly string[]>;

export const advanceUnitStep = (from: UnitStepState, to: UnitStepState): UnitStepState =>
  advance(unitStepTransitions, from, to);

/** A container that the new slot gets, or that both slots share. */
export type PlannedMember = {
  readonly host: HostId;
  readonly container: string;
  readonly service: ServiceId;
  readonly kind: 'service' | 'shared' | 'addOn';
  readonly ordinal: number;
  /** Those of level 0 start first; the next when all of it are healthy. */
  readonly level: number;
};

/** Made by preflight; what runs is exactly it. */
export type UnitPlan = {
  /** The slot that takes the requests; null: the unit's first install. */
  readonly from: Slot | null;
  readonly to: Slot;
  /** Shared ones that are there already are not among them. */
  readonly members: readonly PlannedMember[];
  /** Shared ones that are there already: they join the new slot's network. */
  readonly present: readonly PlannedMember[];
  readonly accountData: string | null;
  readonly tests: readonly string[];
  readonly expand: readonly PlannedMigration[];
  readonly contract: readonly PlannedMigration[];
};
export type PlannedMigration = { readonly name: string; readonly hasDown: boolean; readonly hasNoWayBack: boolean };

/** How a run-to-completion container ended; `output`: its last lines, without any secret. */
export type JobRecord = {
  readonly name: string;
  readonly state: 'running' | 'succeeded' | 'failed';
  readonly exitCode: number | null;
  readonly output: string;
};

export type UnitMemberState = 'planned' | 'created' | 'starting' | 'healthy' | 'failed' | 'removed';

export type UnitMemberProgress = Pick<PlannedMember, 'host' | 'container' | 'service'> & {
  readonly slot: SlotOrShared;
  readonly state: UnitMemberState;
  readonly error?: string;
};

export type UnitStepProgress = {
  readonly name: UnitStep;
  readonly state: UnitStepState;
  readonly detail: string | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
};

export type UnitProgress = {
  readonly id: UpgradeId;
  readonly fleet: FleetId;
  readonly unit: UnitId;
  /** `name version`; null: deleteStandby. */
  readonly release: string | null;
  readonly digest: Digest | null;
  readonly state: UpgradeState;
  readonly step: UnitStep | null;
  /** Takes the requests; null: no slot does. */
  readonly active: Slot | null;
  /** The other one, as long as it has containers. */
  readonly standby: Slot | null;
  readonly steps: readonly UnitStepProgress[];
  readonly members: readonly UnitMemberProgress[];
  /** Account data, migrations and tests that were run, in their order. */
  readonly jobs: readonly JobRecord[];
  /** Of the new slot since the cutover; null: before it, or the balancer counts none. */
  readonly traffic: SlotTraffic | null;
  /** Until when the standby slot is kept; null: it is not. */
  readonly keptUntil: number | null;
  readonly waiting: readonly Waiting[];
  readonly findings: readonly Finding[];
  readonly decisions: readonly Decision[];
  readonly error: string | null;
  readonly startedAt: number;
  readonly finishedAt: number | null;
};

/** What a unit's activity says in its heartbeat, for the live view. */
export type UnitHeartbeat = { readonly unitStep: UnitStep; readonly detail: string };

/** Output that is kept of one run-to-completion container; characters, from its end. */
export const JOB_OUTPUT_LENGTH = 2_000;

/** The end of an output, as many whole lines of it as fit; of a single line that is longer, its end. */
export function lastLines(output: string, length: number): string {
  if (output.length <= length) return output;
  const end = length === 0 ? '' : output.slice(-length);
  const line = end.indexOf('\n');
  return line === -1 ? end : end.slice(line + 1);
}
