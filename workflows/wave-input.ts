import type { HostOutcome } from '../model/host.ts';
import type { Digest, FleetId, HostId, UpgradeId } from '../model/ids.ts';
import type { ServerPlace } from '../model/load-balancer.ts';
import type { PlannedHost } from '../model/plan.ts';
import type { ReleaseRef } from '../model/release.ts';
import type { EditedAnswer, Finding } from '../model/upgrade.ts';

/** What every child of an upgrade is told: at most MAX_WAVE_HOSTS hosts, so that its input stays under 16 kB. */
export type WaveInput = {
  readonly fleet: FleetId;
  readonly upgrade: UpgradeId;
  readonly release: ReleaseRef;
  readonly epoch: number;
  /** The wave's hosts get the numbers from here on, one each. */
  readonly sequence: number;
  readonly name: string;
  readonly action: 'install' | 'revert';
  readonly hosts: readonly PlannedHost[];
  /** Operators' answers about files that an administrator edited; upgrades that began before there was such a thing don't say it. */
  readonly edited?: readonly { readonly host: HostId; readonly answer: EditedAnswer }[];
  readonly maxUnavailable: number;
  readonly gatekeeper: boolean;
  readonly deadlineMs: number;
  readonly silenceMs: number;
  /** Hosts at work are taken out of traffic; upgrades that began before there was such a thing don't say it. */
  readonly balanced: boolean;
  /** Of this wave's hosts, from earlier waves; balanced fleets only. */
  readonly leftDrained: readonly LeftDrained[];
};

/** Servers of a host that was lost or stuck, or whose balancer did not answer: this upgrade drained them. */
export type LeftDrained = { readonly host: HostId; readonly servers: readonly ServerPlace[] };

/** Hosts that are in no outcome were not started. */
export type WaveResult = { readonly outcomes: readonly HostOutcome[]; readonly traffic?: TrafficResult };

/** Of a balanced fleet's wave, as much as there is room for. */
export type TrafficResult = { readonly findings: readonly Finding[]; readonly leftDrained: readonly LeftDrained[] };

/** A chain's hosts lie on the bus, for a chain may be as long as the fleet. */
export type ChainWaveInput = Omit<
  WaveInput,
  'hosts' | 'maxUnavailable' | 'gatekeeper' | 'action' | 'balanced' | 'leftDrained'
> & {
  readonly planDigest: Digest;
  readonly offset: number;
  /** Hosts of the wave that are not part of the chain. */
  readonly skipped: readonly HostId[];
  /** The orders and the baton are out already: only lift the hold and follow. */
  readonly isResumed: boolean;
};

export type ChainResult = {
  readonly end: 'through' | 'stopped' | 'held';
  /** Place of the host that has the baton; one past the last when through. */
  readonly position: number;
  /** The host that kept the baton. */
  readonly outcome: HostOutcome | null;
};

export type DownloadWaveInput = {
  readonly fleet: FleetId;
  readonly upgrade: UpgradeId;
  readonly release: ReleaseRef;
  readonly hosts: readonly HostId[];
  readonly maxParallel: number;
  readonly byteLimit: number;
  readonly diskFloorBytes: number;
  readonly deadlineMs: number;
};

export type DownloadWaveResult = {
  readonly staged: readonly HostId[];
  readonly failed: readonly {
    readonly host: HostId;
    readonly kind: 'environment' | 'release';
    readonly message: string;
  }[];
};
