import type { Command, CommandOutcome } from '../../client/command-upgrade.ts';
import type { FoundRun } from '../../client/find-upgrade.ts';
import { unknownUnit } from '../../client/known-names.ts';
import type { RunId } from '../../client/run-end.ts';
import type { UnitCommand, UnitLook, UnitRequest, Units, UnitStart } from '../../client/units.ts';
import type { Watcher } from '../../client/watch.ts';
import { parseUpgradeId, type UnitId } from '../../model/ids.ts';
import { releaseLabel } from '../../model/release.ts';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import { unitWorkflowId } from '../../workflows/messages.ts';
import { makeUnit } from '../client/units.ts';
import { FakeRuns, isUpgradeOver } from './client-runs.ts';
import { answers, refuse, spokenTo, type FakeWorld } from './client-upgrades.ts';

/** What a deletion goes to, as a list has it. */
const NO_RELEASE = 'one slot alone';

/** Upgrades of units in memory. */
export class FakeUnitUpgrades implements Units {
  readonly #world: FakeWorld;
  readonly #runs = new FakeRuns<UnitProgress>(isUpgradeOver);

  constructor(world: FakeWorld) {
    this.#world = world;
  }

  async start({ unit, action, id, requestedBy }: UnitRequest): Promise<UnitStart> {
    const { fleet, units } = this.#world.file;
    const names = units.map(({ name }) => name);
    if (!names.includes(unit)) throw unknownUnit(fleet, names, unit);
    await this.#world.reach();
    const release = action.action === 'upgrade' ? releaseLabel(action.release) : null;
    const digest = action.action === 'upgrade' ? action.release.digest : null;
    const { isNew, found } = this.#runs.start({
      ...{ workflowId: this.#workflow(unit), whose: unit, id, release: release ?? NO_RELEASE, requestedBy },
      begin: (name) => makeUnit({ id: name, fleet, unit, release, digest, startedAt: Date.now() }),
    });
    return isNew
      ? { outcome: 'started', id: parseUpgradeId(found.id), run: found.run }
      : { outcome: 'running', id: found.id, release: found.release };
  }

  async latest(unit: UnitId): Promise<FoundRun | null> {
    await this.#world.reach();
    return this.#runs.latest(this.#workflow(unit));
  }

  async look(run: RunId): Promise<UnitLook | null> {
    await this.#world.reach();
    return this.#runs.look(run);
  }

  async command(unit: UnitId, command: UnitCommand): Promise<CommandOutcome> {
    await this.#world.reach();
    const latest = this.#runs.latest(this.#workflow(unit));
    const look = latest?.isRunning === true ? this.#runs.look(latest.run) : null;
    if (look === null || !('progress' in look)) return { outcome: 'refused', because: 'it is over' };
    if (command.name === 'deleteStandby') return this.#deleteStandby(unit, look.progress);
    const because = refuse(look.progress, command);
    if (because !== null) return { outcome: 'refused', because: `${command.name} refused: ${because}` };
    this.#runs.move(this.#workflow(unit), spokenTo(look.progress, command));
    return { outcome: 'accepted', message: answers[command.name satisfies Command['name']] };
  }

  watch(run: RunId, watcher: Watcher<UnitLook>, signal: AbortSignal): Promise<UnitLook | null> {
    return this.#runs.watch(() => this.look(run), watcher, signal);
  }

  /** By a test's hand. */
  move(unit: UnitId, changes: Partial<UnitProgress>): void {
    this.#runs.move(this.#workflow(unit), changes);
  }

  /** All that is at work succeeds; a slot that stands by was none to delete. */
  finish(): void {
    for (const workflow of this.#runs.atWork()) {
      if (this.#runs.latest(workflow)?.release === NO_RELEASE) this.#runs.refuse(workflow, 'it has no standby slot');
      else this.#runs.move(workflow, { state: 'succeeded', finishedAt: Date.now() });
    }
  }

  refuse(unit: UnitId, because: string): void {
    this.#runs.refuse(this.#workflow(unit), because);
  }

  #workflow(unit: UnitId): string {
    return unitWorkflowId(this.#world.file.fleet, unit);
  }

  /** Only a slot that is kept for a way back can go. */
  #deleteStandby(unit: UnitId, { standby, keptUntil }: UnitProgress): CommandOutcome {
    if (keptUntil === null) return { outcome: 'refused', because: 'deleteStandby refused: it keeps no slot' };
    this.#runs.move(this.#workflow(unit), {
      state: 'succeeded',
      standby: null,
      keptUntil: null,
      finishedAt: Date.now(),
    });
    return { outcome: 'accepted', message: `slot ${standby ?? 'unknown'} goes` };
  }
}
