import type { ContainerLook, ContainerRequest, Containers, ContainerStart } from '../../client/containers.ts';
import type { FoundRun } from '../../client/find-upgrade.ts';
import { assertContainer } from '../../client/known-names.ts';
import type { RunId } from '../../client/run-end.ts';
import type { Watcher } from '../../client/watch.ts';
import type { ContainerProgress } from '../../model/container-upgrade.ts';
import type { MemberId } from '../../model/service.ts';
import { containerWorkflowId } from '../../workflows/messages.ts';
import { makeContainer } from '../client/members.ts';
import { FakeRuns } from './client-runs.ts';
import type { FakeWorld } from './client-upgrades.ts';

/** Upgrades of single containers in memory. */
export class FakeContainers implements Containers {
  readonly #world: FakeWorld;
  readonly #runs = new FakeRuns<ContainerProgress>(({ state }) => state !== 'running');

  constructor(world: FakeWorld) {
    this.#world = world;
  }

  async start({ container, action, requestedBy, id }: ContainerRequest): Promise<ContainerStart> {
    await this.#reach(container);
    const release = action.action === 'upgrade' ? action.image : 'its earlier container';
    const { fleet } = this.#world.file;
    const { isNew, found } = this.#runs.start({
      ...{
        workflowId: this.#workflow(container),
        whose: `${container.host}-${container.container}`,
        id,
        release,
        requestedBy,
      },
      begin: (name) => makeContainer({ ...container, id: name, fleet, startedAt: Date.now() }),
    });
    return isNew ? { outcome: 'started', id: found.id, run: found.run } : { outcome: 'running', id: found.id };
  }

  async latest(container: MemberId): Promise<FoundRun | null> {
    await this.#reach(container);
    return this.#runs.latest(this.#workflow(container));
  }

  async look(run: RunId): Promise<ContainerLook | null> {
    await this.#world.reach();
    return this.#runs.look(run);
  }

  watch(run: RunId, watcher: Watcher<ContainerLook>, signal: AbortSignal): Promise<ContainerLook | null> {
    return this.#runs.watch(() => this.look(run), watcher, signal);
  }

  /** By a test's hand. */
  move(container: MemberId, changes: Partial<ContainerProgress>): void {
    this.#runs.move(this.#workflow(container), changes);
  }

  /** All that is at work succeeds. */
  finish(): void {
    const done = { state: 'succeeded', member: 'Active', finishedAt: Date.now() } as const;
    for (const workflow of this.#runs.atWork()) this.#runs.move(workflow, done);
  }

  refuse(container: MemberId, because: string): void {
    this.#runs.refuse(this.#workflow(container), because);
  }

  #workflow(container: MemberId): string {
    return containerWorkflowId(this.#world.file.fleet, container);
  }

  async #reach(container: MemberId): Promise<void> {
    assertContainer(this.#world.file, container);
    await this.#world.reach();
  }
}
