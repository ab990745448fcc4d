import type { Digest, FleetId, HostId, ServiceId, UpgradeId } from './ids.ts';
import { isHealthy, type BalancedServer } from './load-balancer.ts';
import { countOf, type Amount } from './policy.ts';
import type { ReleaseRef } from './release.ts';
import type { ContainerHealth, ContainerSettings } from './replacement.ts';
import type { Decision, Finding, Waiting } from './upgrade.ts';
import { advance } from './transition.ts';

/** A service: members (containers that carry the labels) on any hosts of the fleet, perhaps behind a load balancer. */
export type Service = {
  readonly name: ServiceId;
  /** All of them must match; `dev.refit.service=<name>` unless the fleet file says otherwise. */
  readonly selector: Readonly<Record<string, string>>;
  readonly balancer: ServiceBalancer | null;
};
export type ServiceBalancer = {
  /** Of the fleet file's load balancers. */
  readonly loadBalancer: string;
  readonly backend: string;
  /** The member's server: `{host}` and `{container}` stand for its own. */
  readonly server: string;
};

/** Label of a service's members, unless the fleet file says otherwise. */
export const SERVICE_LABEL = 'dev.refit.service';

export type MemberState = keyof typeof memberTransitions;

/** The table of transitions; the diagram in docs/states.md is generated from it. DESIGN.md §3 keeps the words. */
export const memberTransitions = {
  Active: ['Updating'],
  Updating: ['Active', 'Failed', 'RolledBack'],
  Failed: ['Updating'],
  RolledBack: ['Updating'],
} as const satisfies Record<string, readonly string[]>;

export const advanceMember = (from: MemberState, to: MemberState): MemberState => advance(memberTransitions, from, to);

export type MemberId = { readonly host: HostId; readonly container: string };

/** A member as it was found, before anything was done. */
export type Member = MemberId & {
  /** Of the container that it goes back to: what a replacement that was broken off has set aside, else the one in place. */
  readonly id: string;
  readonly running: boolean;
  /** As the container was created with. */
  readonly image: string;
  readonly imageId: string;
  /** null: the service has no load balancer. */
  readonly server: MemberServer | null;
};
export type MemberServer = {
  readonly name: string;
  readonly state: 'ready' | 'drain' | 'maintenance';
  readonly healthy: boolean;
};

/** `inPlace`: the containers keep name and configuration · `create`: old instances go, new ones come from the image's id · `agent`: each host's agent does it, told by an order. */
export type ServiceMode = 'inPlace' | 'create' | 'agent';

/** inPlace: one member after another · phases: a set at a time · allAtOnce: every old one stops before the first new one starts. */
export type ServiceStrategy =
  | { readonly strategy: 'inPlace' }
  | { readonly strategy: 'phases'; readonly size: Amount }
  | { readonly strategy: 'allAtOnce' };

export type ServicePolicy = {
  readonly strategy: ServiceStrategy;
  readonly mode: ServiceMode;
  /** Members that stay available, whatever the size of a phase; not for allAtOnce. */
  readonly minAvailable: Amount | null;
  readonly health: ContainerHealth;
  /** Longest wait until a drained member has nothing to do any more; then it is stopped all the same. ms. */
  readonly drainMs: number;
  readonly onFailure: 'pause' | 'skip' | 'rollback';
  /** Members that may fail before `skip` stops skipping. */
  readonly maxFailures: Amount;
  /** How long old containers are kept after the end, for a way back; 0: not at all. ms. */
  readonly keepOldMs: number;
  /** Longest pause between two looks at an environment that failed: registry away, too few members available. */
  readonly environmentRetryMs: number;
  /** How often it is looked at before the upgrade asks. */
  readonly environmentRetries: number;
};

export const defaultServicePolicy: ServicePolicy = {
  strategy: { strategy: 'inPlace' },
  mode: 'inPlace',
  minAvailable: null,
  health: { minHealthyTimeMs: 5_000, deadlineMs: 120_000, probe: null },
  drainMs: 30_000,
  onFailure: 'rollback',
  maxFailures: { hosts: 0 },
  keepOldMs: 0,
  environmentRetryMs: 10_000,
  environmentRetries: 30,
};

/** What upgradeService is started with. */
export type ServiceUpgradeInput = {
  /** putBack: every member that `takeBack` upgraded takes its earlier container again · discardKept: what that upgrade keeps goes. */
  readonly action: 'upgrade' | 'putBack' | 'discardKept';
  /** The upgrade whose work is taken back or made final; its own id when it upgrades. */
  readonly takeBack: UpgradeId;
  readonly upgrade: UpgradeId;
  readonly fleet: FleetId;
  readonly service: Service;
  /** As the operator gave it. */
  readonly image: string;
  /** By digest: what every member gets. */
  readonly reference: string;
  readonly digest: Digest;
  readonly settings: ContainerSettings;
  readonly policy: ServicePolicy;
  readonly requestedBy: string;
  /** agent mode, and as part of a release's upgrade. Old containers stay until that is over, which may take them back. */
  readonly release: ServiceInRelease | null;
};
/** What orders to agents need. `fence` null: a run of its own, which claims an epoch; else orders from `sequence` on are reserved for it. */
export type ServiceInRelease = {
  readonly release: ReleaseRef;
  readonly fence: { readonly epoch: number; readonly sequence: number } | null;
};

/** Words as an upgrade's (DESIGN.md §10). */
export type ServiceUpgradeState =
  'running' | 'paused' | 'waiting' | 'rollingBack' | 'succeeded' | 'failed' | 'rolledBack' | 'aborted';

export type MemberProgress = MemberId & {
  readonly state: MemberState;
  /** drain, replace, admit and so on; null: nothing is done to it. */
  readonly stage: string | null;
  readonly from: string;
  readonly to: string | null;
  readonly error?: string;
  readonly awayMs: number | null;
};

export type MemberCounts = Readonly<Partial<Record<MemberState, number>>>;

export type ServiceProgress = {
  readonly id: UpgradeId;
  readonly fleet: FleetId;
  readonly service: ServiceId;
  readonly image: string;
  readonly digest: Digest;
  readonly state: ServiceUpgradeState;
  /** Such as `2/3`; null before the first. */
  readonly phase: string | null;
  readonly members: readonly MemberProgress[];
  /** Members that the record of an ended upgrade has no room for, by their states; those that failed or were changed are the last of them. */
  readonly membersLeftOut?: MemberCounts;
  readonly waiting: readonly Waiting[];
  readonly findings: readonly Finding[];
  readonly decisions: readonly Decision[];
  readonly error: string | null;
  readonly startedAt: number;
  readonly finishedAt: number | null;
};

/** Order numbers that a release's upgrade reserves for one of its services: several orders a host, with retries. */
export const SERVICE_SEQUENCES = 4_096;

/** Most services of one release: their names, images and states stay below a payload's 16 kB together. */
export const MAX_SERVICES = 32;

/** Most members of one service: what its upgrade writes into Temporal's history stays within bounds (service-history.ts). */
export const MAX_MEMBERS = 1_000;

/** Most members of one order to an agent: the order and the wait for it stay readable. */
export const MAX_ORDERED = 40;

export const memberName = ({ host, container }: MemberId): string => `${host}/${container}`;

export const serverOf = ({ server }: ServiceBalancer, { host, container }: MemberId): string =>
  server.replaceAll('{host}', host).replaceAll('{container}', container);

export function countStates(members: readonly { readonly state: MemberState }[]): MemberCounts {
  const counts: Partial<Record<MemberState, number>> = {};
  for (const { state } of members) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** Members of one state, also those that a record has no room for. */
export const countOfState = (
  { members, membersLeftOut }: Pick<ServiceProgress, 'members' | 'membersLeftOut'>,
  state: MemberState,
): number => members.filter((member) => member.state === state).length + (membersLeftOut?.[state] ?? 0);

/** All members, also those that a record has no room for. */
export const countAll = ({
  members,
  membersLeftOut = {},
}: Pick<ServiceProgress, 'members' | 'membersLeftOut'>): number =>
  Object.values(membersLeftOut).reduce((sum, count) => sum + count, members.length);

/** The balancer's server as a member has it. */
export const toMemberServer = (server: BalancedServer): MemberServer => ({
  ...{ name: server.name, state: server.state, healthy: isHealthy(server) },
});

/** A member that can take requests. */
export const isAvailable = ({ running, server }: Pick<Member, 'running' | 'server'>): boolean =>
  running && (server === null || (server.state === 'ready' && server.healthy));

/** A member that may come to take requests by itself, or by its upgrade: nobody stopped it or took it out. */
export const mayServe = ({ running, server }: Pick<Member, 'running' | 'server'>): boolean =>
  running && (server === null || server.state === 'ready');

/** Members of `total` that have to stay available, by the policy. */
export const leastAvailable = ({ minAvailable }: Pick<ServicePolicy, 'minAvailable'>, total: number): number =>
  minAvailable === null ? 0 : countOf(minAvailable, total);

/**
 * The phases of an upgrade. Pure: the same members give the same phases.
 *
 * 1. Members that are not available go first: taking them costs nothing, and may mend them.
 * 2. Of those that are available, no phase takes more than the size says, nor so many that fewer than `minAvailable` are left.
 * 3. null: not even one can be taken.
 *
 * What a phase has upgraded is taken to serve again before the next; whether it is so is looked at before each phase.
 */
export function planPhases<Planned extends Pick<Member, 'running' | 'server'>>(
  members: readonly Planned[],
  policy: Pick<ServicePolicy, 'strategy' | 'minAvailable'>,
): readonly (readonly Planned[])[] | null {
  if (members.length === 0) return [];
  if (policy.strategy.strategy === 'allAtOnce') return [members];
  const size = phaseSize(policy.strategy, members.length);
  const idle = members.filter((member) => !isAvailable(member));
  const serving = members.filter(isAvailable);
  const spare = members.filter(mayServe).length - leastAvailable(policy, members.length);
  if (serving.length > 0 && spare < 1) return null;
  return [...cut(idle, size), ...cut(serving, Math.min(size, spare))];
}

/** Members that are taken at a time; at least one. */
function phaseSize(strategy: Exclude<ServiceStrategy, { readonly strategy: 'allAtOnce' }>, total: number): number {
  return strategy.strategy === 'inPlace' ? 1 : Math.max(1, countOf(strategy.size, total));
}

const cut = <Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
