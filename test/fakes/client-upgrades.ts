import type { Command, CommandOutcome } from '../../client/command-upgrade.ts';
import type { FoundUpgrade } from '../../client/find-upgrade.ts';
import { nextUpgradeId } from '../../client/next-upgrade-id.ts';
import type { StartOutcome, StartRequest, Upgrades } from '../../client/upgrades.ts';
import { watch, type Watcher } from '../../client/watch.ts';
import { assert } from '../../model/assert.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseUpgradeId, type UpgradeId } from '../../model/ids.ts';
import {
  advanceUpgrade,
  isOver,
  type Decision,
  type Progress,
  type UpgradeState,
  type Waiting,
} from '../../model/upgrade.ts';

/** What the parts of a fleet's client in memory have in common. */
export type FakeWorld = {
  readonly file: Fleet;
  /** Throws Unreachable while nobody answers. */
  readonly reach: () => Promise<void>;
  /** Throws WrongInput for what no registry has; `field`: what of the input named it. */
  readonly find: (image: string, field: string) => void;
};

/** What a command needs to know, and may change, of what it speaks to. */
export type Spoken = {
  readonly state: UpgradeState;
  readonly waiting: readonly Waiting[];
  readonly decisions: readonly Decision[];
};

type Kept = { readonly progress: Progress; readonly requestedBy: string };

/** Upgrades of one fleet in memory; one at a time. They start, and then move by a test's hand. */
export class FakeUpgrades implements Upgrades {
  readonly #world: FakeWorld;
  /** The latest first. */
  #kept: readonly Kept[] = [];

  constructor(world: FakeWorld) {
    this.#world = world;
  }

  async start({ digest, release, id, requestedBy }: StartRequest): Promise<StartOutcome> {
    await this.#world.reach();
    const { file } = this.#world;
    const running = this.#kept.find(({ progress }) => !isOver(progress.state))?.progress;
    if (running !== undefined) {
      // Asked for once more under the same name by the same person: its own.
      const isOurs = running.id === id && this.#keptOf(running.id)?.requestedBy === requestedBy;
      return isOurs
        ? { outcome: 'started', id: running.id }
        : { outcome: 'running', id: running.id, release: running.release };
    }
    const used = this.#kept.map(({ progress }) => progress.id);
    const wanted = id ?? parseUpgradeId(nextUpgradeId(file.fleet, used));
    if (used.includes(wanted)) return { outcome: 'idUsed', id: wanted };
    this.#kept = [{ progress: begun(file, { id: wanted, digest, release }), requestedBy }, ...this.#kept];
    return { outcome: 'started', id: wanted };
  }

  async list(): Promise<readonly FoundUpgrade[]> {
    await this.#world.reach();
    return this.#kept.map(toFound);
  }

  async progress(id: UpgradeId): Promise<Progress | null> {
    await this.#world.reach();
    return this.#keptOf(id)?.progress ?? null;
  }

  async command(id: UpgradeId, command: Command): Promise<CommandOutcome> {
    await this.#world.reach();
    const running = this.#kept.find(({ progress }) => !isOver(progress.state))?.progress;
    if (running === undefined) return { outcome: 'refused', because: 'it is over' };
    const because = running.id === id ? refuse(running, command) : `${id} does not run; ${running.id} does`;
    if (because !== null) return { outcome: 'refused', because: `${command.name} refused: ${because}` };
    this.move(running.id, spokenTo(running, command));
    return { outcome: 'accepted', message: answers[command.name] };
  }

  watch(id: UpgradeId, watcher: Watcher<Progress>, signal: AbortSignal): Promise<Progress | null> {
    return watch({ look: () => this.progress(id), isOver: ({ state }) => isOver(state) }, watcher, signal);
  }

  /** By a test's hand; a state only where the table of transitions lets it go. */
  move(id: UpgradeId, changes: Partial<Progress>): void {
    const kept = this.#keptOf(id);
    assert(kept !== null, `there is an upgrade ${id}`);
    const { progress } = kept;
    const state = advanceUpgrade(progress.state, changes.state ?? progress.state);
    const finishedAt = isOver(state) ? Date.now() : null;
    const moved = { ...progress, finishedAt, ...changes, state };
    this.#kept = this.#kept.map((each) => (each === kept ? { ...kept, progress: moved } : each));
  }

  /** What is at work succeeds. */
  finish(): void {
    for (const { progress } of this.#kept.filter((each) => !isOver(each.progress.state))) {
      this.move(progress.id, { state: progress.state === 'rollingBack' ? 'rolledBack' : 'succeeded', phase: 'end' });
    }
  }

  /** Those that succeeded. */
  ended(): readonly Progress[] {
    return this.#kept.map(({ progress }) => progress).filter(({ state }) => state === 'succeeded');
  }

  #keptOf(id: string): Kept | null {
    return this.#kept.find(({ progress }) => progress.id === id) ?? null;
  }
}

/** Why a workflow would refuse it; null: it wouldn't. */
export function refuse({ state, waiting }: Spoken, command: Command): string | null {
  switch (command.name) {
    case 'pause':
      return state === 'paused' ? 'it is paused already' : null;
    case 'resume':
      return state === 'paused' || state === 'waiting' ? null : `it is ${state}, not paused`;
    case 'rollback':
      return state === 'rollingBack' ? 'it is rolling back already' : null;
    case 'abort':
      return null;
    case 'approve':
      return waiting.some(({ what }) => what.includes(command.step))
        ? null
        : 'this upgrade waits for no approval; it was started without --step';
    case 'retryHost':
    case 'skipHost':
      return waiting.some(({ what }) => what.includes(command.host))
        ? null
        : `${command.host} is not in this upgrade, or does not wait for an answer`;
  }
}

/** What it says afterwards. */
export function spokenTo(
  { state, waiting, decisions }: Spoken,
  command: Pick<Command, 'name' | 'by' | 'reason'>,
): Pick<Progress, 'state' | 'waiting' | 'decisions'> {
  const { name, by, reason = 'no reason given' } = command;
  const decision = { at: Date.now(), rule: 'operator', decision: name, because: reason, by };
  const next: Partial<Record<Command['name'], UpgradeState>> = {
    ...{ pause: 'paused', resume: 'running', rollback: 'rollingBack', abort: 'aborted', approve: 'running' },
    ...{ retryHost: 'running', skipHost: 'running' },
  };
  const isMoved = name !== 'approve' || state === 'waiting';
  return {
    state: isMoved ? (next[name] ?? state) : state,
    waiting: name === 'pause' ? waiting : [],
    decisions: [...decisions, decision],
  };
}

export const answers: Readonly<Record<Command['name'], string>> = {
  pause: 'nothing new starts; what runs finishes',
  resume: 'it goes on',
  rollback: 'what runs finishes, then all that it changed goes back in reverse order',
  abort: 'what runs finishes, then it ends; everything stays as it is',
  approve: 'it is approved',
  retryHost: 'it is tried again',
  skipHost: 'it is left as it is',
};

const begun = (
  { fleet, hosts }: Fleet,
  { id, digest, release }: Pick<Progress, 'id' | 'digest' | 'release'>,
): Progress => ({
  ...{ id, fleet, release, digest, state: 'running', phase: 'preflight' },
  hosts: hosts.map(({ name }) => ({
    ...{ name, state: 'pending', from: '1.0.0', to: null, wave: null, step: null, startedAt: null, finishedAt: null },
  })),
  ...{ services: [], hops: [], migrations: [], checkpoints: ['start'], forwardOnly: null, waiting: [], findings: [] },
  ...{ decisions: [], error: null, startedAt: Date.now(), finishedAt: null },
});

const toFound = ({ progress, requestedBy }: Kept): FoundUpgrade => {
  const { id, release, state, phase, startedAt, finishedAt } = progress;
  return {
    id,
    runId: `run-of-${id}`,
    isRunning: !isOver(state),
    release,
    state,
    phase,
    requestedBy,
    startedAt,
    finishedAt,
  };
};
