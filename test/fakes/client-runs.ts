import { randomUUID } from 'node:crypto';
import type { FoundRun } from '../../client/find-upgrade.ts';
import type { RunId } from '../../client/run-end.ts';
import { isRunOver, type RunLook } from '../../client/run-look.ts';
import { runName } from '../../client/run-name.ts';
import { watch, type Watcher } from '../../client/watch.ts';
import { assert } from '../../model/assert.ts';
import type { UpgradeId } from '../../model/ids.ts';
import { isOver, type UpgradeState } from '../../model/upgrade.ts';

type Run<Progress> = { readonly found: FoundRun; readonly look: RunLook<Progress> };

/** As far as all kinds of runs tell it in the same words. */
type AnyProgress = { readonly id: UpgradeId; readonly state: string; readonly startedAt: number };

export type NewRun<Progress> = {
  readonly workflowId: string;
  /** Stands in the name that it gets. */
  readonly whose: string;
  readonly id: UpgradeId | undefined;
  readonly release: string;
  readonly requestedBy: string;
  readonly begin: (id: UpgradeId) => Progress;
};

/** Runs of one kind in memory, one at a time of each thing that is upgraded; they move by a test's hand. */
export class FakeRuns<Progress extends AnyProgress> {
  readonly #runs = new Map<string, readonly Run<Progress>[]>();
  readonly #isOver: (progress: Progress) => boolean;

  constructor(isProgressOver: (progress: Progress) => boolean) {
    this.#isOver = isProgressOver;
  }

  start({ workflowId, whose, id, release, requestedBy, begin }: NewRun<Progress>): {
    readonly isNew: boolean;
    readonly found: FoundRun;
  } {
    const latest = this.latest(workflowId);
    if (latest?.isRunning === true) {
      // Asked for once more under the same name by the same person: its own.
      return { isNew: latest.id === id && latest.requestedBy === requestedBy, found: latest };
    }
    const before = this.#runs.get(workflowId) ?? [];
    const progress = begin(id ?? runName(whose, Date.now() + before.length));
    const run = { workflowId, runId: randomUUID() };
    const found: FoundRun = {
      ...{ id: progress.id, runId: run.runId, run, isRunning: true, release, state: 'running', phase: 'preflight' },
      ...{ requestedBy, startedAt: progress.startedAt, finishedAt: null },
    };
    this.#runs.set(workflowId, [{ found, look: { run: 'live', progress } }, ...before]);
    return { isNew: true, found };
  }

  latest(workflowId: string): FoundRun | null {
    return this.#runs.get(workflowId)?.[0]?.found ?? null;
  }

  look({ workflowId, runId }: RunId): RunLook<Progress> | null {
    return this.#runs.get(workflowId)?.find(({ found }) => found.runId === runId)?.look ?? null;
  }

  watch(
    look: () => Promise<RunLook<Progress> | null>,
    watcher: Watcher<RunLook<Progress>>,
    signal: AbortSignal,
  ): Promise<RunLook<Progress> | null> {
    return watch({ look, isOver: isRunOver }, watcher, signal);
  }

  /** Workflows that have a run at work. */
  atWork(): readonly string[] {
    return [...this.#runs].filter(([, [latest]]) => latest?.found.isRunning === true).map(([workflowId]) => workflowId);
  }

  /** The latest run's, by a test's hand. */
  move(workflowId: string, changes: Partial<Progress>): void {
    const [run, ...before] = this.#runs.get(workflowId) ?? [];
    assert(run !== undefined && 'progress' in run.look, `there is a run of ${workflowId} to move`);
    const progress = { ...run.look.progress, ...changes };
    const ended = this.#isOver(progress);
    this.#set(workflowId, before, { found: run.found, look: { run: ended ? 'ended' : 'live', progress } });
  }

  /** The latest run ends as one whose workflow refused its input. */
  refuse(workflowId: string, because: string): void {
    const [run, ...before] = this.#runs.get(workflowId) ?? [];
    assert(run !== undefined, `there is a run of ${workflowId} to refuse`);
    this.#set(workflowId, before, { found: { ...run.found, state: 'failed' }, look: { run: 'refused', because } });
  }

  #set(workflowId: string, before: readonly Run<Progress>[], { found, look }: Run<Progress>): void {
    const isRunning = look.run === 'live';
    const state = 'progress' in look ? stateOf(look.progress) : found.state;
    const finishedAt = isRunning ? null : Date.now();
    this.#runs.set(workflowId, [{ found: { ...found, isRunning, state, finishedAt }, look }, ...before]);
  }
}

/** A container that is on its image already has succeeded, to whoever lists upgrades. */
const stateOf = ({ state }: AnyProgress): UpgradeState => (isUpgradeState(state) ? state : 'succeeded');

const states: readonly UpgradeState[] = [
  ...(['running', 'paused', 'waiting', 'rollingBack'] as const),
  ...(['succeeded', 'failed', 'rolledBack', 'aborted'] as const),
];
const isUpgradeState = (state: string): state is UpgradeState => states.some((known) => known === state);

export const isUpgradeOver = ({ state }: { readonly state: UpgradeState }): boolean => isOver(state);
