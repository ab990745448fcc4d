import type { CommandOutcome } from '../../client/command-upgrade.ts';
import type { FoundRun } from '../../client/find-upgrade.ts';
import type { RunId } from '../../client/run-end.ts';
import type { MemberStatus } from '../../client/service-status.ts';
import type {
  ServiceCommand,
  ServiceLook,
  ServiceRequest,
  Services,
  ServiceStart,
  TakeBackOutcome,
} from '../../client/services.ts';
import type { Watcher } from '../../client/watch.ts';
import { parseUpgradeId, type ServiceId, type UpgradeId } from '../../model/ids.ts';
import type { ServiceProgress } from '../../model/service.ts';
import { serviceWorkflowId } from '../../workflows/messages.ts';
import { makeService } from '../client/members.ts';
import { FakeRuns, isUpgradeOver } from './client-runs.ts';
import { answers, refuse, spokenTo, type FakeWorld } from './client-upgrades.ts';
import { digestOf } from './release.ts';

/** Upgrades of services in memory. */
export class FakeServices implements Services {
  readonly #world: FakeWorld;
  readonly #runs = new FakeRuns<ServiceProgress>(isUpgradeOver);

  constructor(world: FakeWorld) {
    this.#world = world;
  }

  async start({ service, image, id, requestedBy }: ServiceRequest): Promise<ServiceStart> {
    await this.#world.reach();
    this.#world.find(image, 'image');
    const { fleet } = this.#world.file;
    const { isNew, found } = this.#runs.start({
      ...{ workflowId: this.#workflow(service), whose: service, id, release: image, requestedBy },
      begin: (name) => makeService({ id: name, fleet, service, image, startedAt: Date.now() }),
    });
    return this.#answer(isNew, found);
  }

  async takeBack(service: ServiceId, requestedBy: string, id?: UpgradeId): Promise<TakeBackOutcome> {
    await this.#world.reach();
    const latest = this.#runs.latest(this.#workflow(service));
    if (latest === null) return { outcome: 'nothing', because: `service ${service} had no upgrade yet` };
    if (latest.state === 'rolledBack') {
      return { outcome: 'nothing', because: `upgrade ${latest.id} of service ${service} was taken back already` };
    }
    const { fleet } = this.#world.file;
    const { isNew, found } = this.#runs.start({
      ...{ workflowId: this.#workflow(service), whose: service, id, release: `before ${latest.id}`, requestedBy },
      begin: (name) => makeService({ id: name, fleet, service, state: 'rollingBack', startedAt: Date.now() }),
    });
    return this.#answer(isNew, found);
  }

  async latest(service: ServiceId): Promise<FoundRun | null> {
    await this.#world.reach();
    return this.#runs.latest(this.#workflow(service));
  }

  async look(run: RunId): Promise<ServiceLook | null> {
    await this.#world.reach();
    return this.#runs.look(run);
  }

  async command(service: ServiceId, command: ServiceCommand): Promise<CommandOutcome> {
    await this.#world.reach();
    const latest = this.#runs.latest(this.#workflow(service));
    const look = latest?.isRunning === true ? this.#runs.look(latest.run) : null;
    if (look === null || !('progress' in look)) return { outcome: 'refused', because: 'it is over' };
    const because = refuse(look.progress, command);
    if (because !== null) return { outcome: 'refused', because: `${command.name} refused: ${because}` };
    this.#runs.move(this.#workflow(service), spokenTo(look.progress, command));
    return { outcome: 'accepted', message: answers[command.name] };
  }

  watch(run: RunId, watcher: Watcher<ServiceLook>, signal: AbortSignal): Promise<ServiceLook | null> {
    return this.#runs.watch(() => this.look(run), watcher, signal);
  }

  /** By a test's hand. */
  move(service: ServiceId, changes: Partial<ServiceProgress>): void {
    this.#runs.move(this.#workflow(service), changes);
  }

  /** All that is at work succeeds. */
  finish(): void {
    for (const workflow of this.#runs.atWork())
      this.#runs.move(workflow, { state: 'succeeded', finishedAt: Date.now() });
  }

  refuse(service: ServiceId, because: string): void {
    this.#runs.refuse(this.#workflow(service), because);
  }

  /** One on each host. */
  members(service: ServiceId): readonly MemberStatus[] {
    return this.#world.file.hosts.map(({ name }) => ({
      ...{ host: name, container: `${service}-1`, state: 'Active', running: true, server: null },
      ...{ image: `registry.lab:5000/${service}:1`, imageId: digestOf('d') },
    }));
  }

  #workflow(service: ServiceId): string {
    return serviceWorkflowId(this.#world.file.fleet, service);
  }

  #answer(isNew: boolean, { id, run, release }: FoundRun): ServiceStart {
    return isNew ? { outcome: 'started', id: parseUpgradeId(id), run } : { outcome: 'running', id, release };
  }
}
