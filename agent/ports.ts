import type { AgentPhase } from '../model/agent-phase.ts';
import type { HostFacts, InstalledRelease } from '../model/bus.ts';
import type { HostId, UpgradeId } from '../model/ids.ts';
import type { Bus, Clock } from '../model/ports.ts';
import type { Probe, Release, ReleaseRef } from '../model/release.ts';
import type { EditedAnswer } from '../model/upgrade.ts';
import type { HostStep } from './host-work.ts';

/** What a step remembers of the state before it, in the journal; large things lie in the undo folder and are named here. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Everything the agent's core touches. A simulation runs the same core over others. */
export type AgentPorts = {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly releases: Releases;
  readonly steps: HostSteps;
  readonly probes: Probes;
  readonly quorum: Quorum;
  readonly boot: Boot;
  readonly facts: (phase: AgentPhase) => HostFacts;
  readonly log: Log;
};

export type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void;

/** The agent's own folder on the host's disk. Synchronous: a call that returned is on the disk, in the order of the calls. */
export interface Disk {
  /** Names of all journals, sorted. */
  journals(): readonly string[];
  readJournal(name: string): string;
  /** Creates the journal if needed, appends the text and syncs it. Throws when it could not; then nothing was appended. */
  append(name: string, text: string): void;
  /** Cuts a torn tail off; bytes. */
  truncate(name: string, sizeBytes: number): void;
  /** Removes the journal and what its steps kept for undo. */
  removeJournal(name: string): void;
  /** Gives back the room that is kept for the records of a way back on a full disk. */
  freeReserve(): void;
  read(name: DiskFile): string | null;
  /** Replaces the file in one step, synced. */
  write(name: DiskFile, text: string): void;
}
export type DiskFile = 'answered.json' | 'installed.json';

/** Releases that the Downloader Job put on the disk. */
export interface Releases {
  /** Checks release.json against `ref.contents` and every file against release.json. */
  verify(
    ref: ReleaseRef,
  ): Promise<{ readonly ok: true; readonly release: Release } | { readonly ok: false; readonly problem: string }>;
}

/** A step's place: which release it comes from, where it keeps what undo needs, what it noted before it began. */
export type StepPlace = {
  readonly host: HostId;
  readonly release: ReleaseRef;
  readonly upgrade: UpgradeId;
  /** What the host was on when the work was accepted; null: nothing of refit's. */
  readonly was: InstalledRelease | null;
  /** An operator's answer for edited files that ask; null: none was given. */
  readonly edited: EditedAnswer | null;
  /** Name of the journal, which names the undo folder. */
  readonly journal: string;
  readonly index: number;
  /** What `capture` returned; null before that. */
  readonly before: Json;
  readonly signal: AbortSignal;
};

/** What was measured, and what is not as the step wants it. */
export type Verified = { readonly problem: string | null; readonly measured: Readonly<Record<string, string>> };
export type Probed = { readonly ok: boolean; readonly evidence: string };

/** The effects on the host. Failures of the world throw. `reboot` and `boot` steps go through Boot instead. */
export interface HostSteps {
  /** Whether the step's effect is there; decides what happened when the agent was killed in the middle. Changes nothing. */
  check(step: HostStep, place: StepPlace): Promise<boolean>;
  /** Notes what undo needs; what is large is copied to the undo folder and synced. */
  capture(step: HostStep, place: StepPlace): Promise<Json>;
  apply(step: HostStep, place: StepPlace): Promise<void>;
  verify(step: HostStep, place: StepPlace): Promise<Verified>;
  /** Brings back what `capture` noted. Idempotent. */
  undo(step: HostStep, place: StepPlace): Promise<void>;
  /** After every step was undone, forward: brings back what runs. Idempotent. */
  settle(step: HostStep, place: StepPlace): Promise<void>;
  /** Whether what was undone takes effect with a restart only, which has to come before `settle`. */
  needsRestart(step: HostStep, place: StepPlace): Promise<boolean>;
  /** Why it can't begin without an operator's answer, for people; null: it can. Changes nothing. */
  question(step: HostStep, place: StepPlace): Promise<string | null>;
  /** Whether the step could work here; changes nothing. */
  probe(step: HostStep, place: StepPlace): Promise<Probed>;
}

export interface Probes {
  /** null: it holds; else what does not. */
  check(probe: Probe, signal: AbortSignal): Promise<string | null>;
}

/** The etcd that this host carries a member of; where it carries none, nothing ever stands against it. */
export interface Quorum {
  /** Members elsewhere that are away, in words; null: all are there, so that this one may leave. */
  away(signal: AbortSignal): Promise<string | null>;
  /** Why this host's own member is not back yet; null: it is. */
  own(signal: AbortSignal): Promise<string | null>;
}

export interface Boot {
  /** Another after every boot. */
  bootId(): string;
  /** The kernel that runs, as `uname -r` says it. */
  kernel(): string;
  /** Asks for a reboot and returns; the process ends some time after. */
  reboot(): Promise<void>;
}
