import type { Digest, FleetId, HostId, ServiceId, UpgradeId } from '../model/ids.ts';
import type { HostOutcome } from '../model/host.ts';
import type { ReleaseRef } from '../model/release.ts';
import type { ContainerHealth, ContainerSettings, PutBackOutcome, ReplacementOutcome } from '../model/replacement.ts';
import type { Member, MemberId, MemberState, Service, ServiceMode } from '../model/service.ts';
import type { Finding } from '../model/upgrade.ts';

/** Steps on single containers and on services' members. As the others: at least once, and perhaps twice at the same time. */
export interface MemberActivities {
  /** What an image's name means: its digest, or the id of an image that the host has. Wrong input: neither has it. */
  resolveImage(input: ResolveImageInput): Promise<ResolvedMemberImage>;
  /** The container as it is; null: there is none of that name. Reads only. */
  readContainer(input: ContainerInput): Promise<ContainerReading | null>;
  /** The image is on the host afterwards. */
  pullImage(input: PullImageInput): Promise<PullImageResult>;
  /** In place, resumable (model/replacement.ts). Waits for an engine that is away. */
  replaceMember(input: ReplaceMemberInput): Promise<ReplacementOutcome>;
  /** One step back; `to`: to that container and no further, however often it is called. */
  putBackMember(input: PutBackInput): Promise<PutBackOutcome>;
  /** Removes what was kept for a way back; `only`: that container's id. */
  discardKept(input: ContainerInput & { readonly only: string | null }): Promise<{ readonly removed: number }>;
  /** Removes an image that an upgrade pulled and that nothing came of; one in use stays. */
  removePulledImage(input: ContainerInput & { readonly image: string }): Promise<void>;
  /** The members on all hosts, a page at a time, in the fleet's order and by name; and what speaks against an upgrade. Changes nothing. */
  findMembers(input: FindMembersInput): Promise<FoundMembers>;
  /** How many members are available now, and how many of those that are named. Changes nothing. */
  countMembers(input: CountMembersInput): Promise<MembersCounted>;
  /** drain waits until the member has nothing to do any more, or its time is over; ready waits until the balancer sees it healthy. */
  steerMember(input: SteerMemberInput): Promise<SteerMemberResult>;
  /** Writes the members' states to the bus, and removes those that are Active. */
  tellMembers(input: TellMembersInput): Promise<void>;
  /** agent-driven: orders the host's agent to upgrade, or take back, these members, and waits for its report. */
  orderMembers(input: OrderMembersInput): Promise<HostOutcome>;
}

type FleetInput = { readonly fleet: FleetId; readonly upgrade: UpgradeId };
export type ContainerInput = FleetInput & { readonly host: HostId; readonly container: string };

export type PutBackInput = ContainerInput & { readonly until: 'stopped' | 'running'; readonly to?: string };

export type ResolveImageInput = FleetInput & { readonly image: string; readonly hosts: readonly HostId[] };
/** `reference`: what the engine is given; `digest` null: an image that only the host has. */
export type ResolvedMemberImage = { readonly reference: string; readonly digest: Digest | null };

export type ContainerReading = {
  readonly running: boolean;
  readonly image: string;
  readonly imageId: string;
  /** The upgrade that created it, and the image it had before that; null: not refit's. */
  readonly upgrade: UpgradeId | null;
  readonly previousImageId: string | null;
  /** Ids of containers that are kept for a way back, the latest first. */
  readonly kept: readonly string[];
};

export type PullImageInput = FleetInput & {
  readonly host: HostId;
  readonly image: string;
  readonly byteLimit: number;
  readonly diskFloorBytes: number;
  readonly deadlineMs: number;
};
/** environment: registry, engine or disk; try again. input: the image is not there, or not for this host. */
export type PullImageResult =
  | { readonly outcome: 'pulled' | 'alreadyThere' }
  | { readonly outcome: 'failed'; readonly kind: 'environment' | 'input'; readonly message: string };

export type ReplaceMemberInput = ContainerInput & {
  readonly image: string;
  readonly settings: ContainerSettings;
  readonly envFile: string | null;
  readonly health: ContainerHealth;
  /** `create` uses the image's id, and keeps no old container. */
  readonly mode: Exclude<ServiceMode, 'agent'>;
  readonly keepOld: boolean;
  readonly until: 'stopped' | 'healthy';
  readonly onFailure: 'putBack' | 'leave';
};

export type FindMembersInput = FleetInput & {
  readonly service: Service;
  readonly mode: ServiceMode;
  /** By digest; agent mode: what the hosts' installed release must name for this service. */
  readonly reference: string;
  /** agent mode: the release that the hosts must be on; else not looked at. */
  readonly release: ReleaseRef | null;
  /** The last member of the page before; null: the first page, which alone looks at all hosts and judges all of them. */
  readonly after: MemberId | null;
};
export type FoundMembers = {
  readonly members: readonly Member[];
  /** All that there are; null: the first page has told it. */
  readonly total: number | null;
  /** After which the next page begins; null: this was the last one. */
  readonly next: MemberId | null;
  readonly findings: readonly Finding[];
};

export type CountMembersInput = FleetInput & {
  readonly service: Service;
  readonly apart: readonly MemberId[];
};
export type MembersCounted = { readonly available: number; readonly apart: number };

export type SteerMemberInput = FleetInput &
  MemberId & {
    readonly loadBalancer: string;
    readonly backend: string;
    readonly server: string;
    readonly to: 'drain' | 'ready' | 'maintenance';
    /** Longest wait for it to have nothing to do, or to be healthy; ms. */
    readonly waitMs: number;
  };
/** `sessions` that were left when the time was over; `healthy` by the balancer's own check. */
export type SteerMemberResult = { readonly sessions: number; readonly healthy: boolean };

export type TellMembersInput = FleetInput & {
  readonly service: ServiceId;
  readonly image: string;
  readonly states: readonly (MemberId & { readonly state: MemberState })[];
};

export type OrderMembersInput = FleetInput & {
  readonly service: ServiceId;
  readonly host: HostId;
  readonly containers: readonly string[];
  readonly release: ReleaseRef;
  readonly action: 'service' | 'revert';
  readonly epoch: number;
  readonly sequence: number;
  readonly deadlineMs: number;
  readonly silenceMs: number;
};
