import type { HostId, StepId } from './ids.ts';
import { advance } from './transition.ts';

/** Where one host is in one upgrade, as the workflow sees it. */
export type HostState = keyof typeof hostTransitions;

/** The table of transitions; the diagram in docs/states.md is generated from it. */
export const hostTransitions = {
  pending: ['downloading', 'alreadyThere', 'skipped'],
  downloading: ['staged', 'failed', 'skipped', 'alreadyThere'],
  staged: ['installing', 'skipped', 'failed', 'lost'],
  installing: ['done', 'reverted', 'failed', 'unhealthy', 'lost', 'stuck', 'staged'],
  done: ['rollingBack', 'lost'],
  alreadyThere: ['rollingBack'],
  reverted: ['staged', 'installing', 'skipped', 'rollingBack'],
  unhealthy: ['staged', 'installing', 'skipped', 'rollingBack'],
  failed: ['downloading', 'staged', 'installing', 'skipped', 'rollingBack'],
  lost: ['staged', 'installing', 'skipped', 'rollingBack', 'done'],
  stuck: ['staged', 'installing', 'skipped', 'rollingBack'],
  skipped: ['rollingBack'],
  rollingBack: ['rolledBack', 'stuck', 'lost'],
  rolledBack: [],
} as const satisfies Record<string, readonly string[]>;

/** How an order to a host ended. The fields are for the operator; `error` is at most 400 characters. */
export type HostOutcome = {
  readonly host: HostId;
  readonly state:
    'done' | 'alreadyThere' | 'reverted' | 'unhealthy' | 'failed' | 'lost' | 'stuck' | 'skipped' | 'rolledBack';
  readonly from: string | null;
  readonly to: string | null;
  readonly step: StepId | null;
  readonly error: string | null;
  /** By the host's clock; ms since the epoch. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
};

export const hostStates = Object.keys(hostTransitions) as readonly HostState[];

/** States that count against the fleet's failure budget. */
export const isFailure = (state: HostState): boolean =>
  state === 'reverted' || state === 'failed' || state === 'unhealthy' || state === 'lost' || state === 'stuck';

/** States after which nothing more happens to the host unless an operator or a roll back says so. */
export const isEnded = (state: HostState): boolean =>
  isFailure(state) || state === 'done' || state === 'alreadyThere' || state === 'skipped' || state === 'rolledBack';

export const advanceHost = (from: HostState, to: HostState): HostState => advance(hostTransitions, from, to);
