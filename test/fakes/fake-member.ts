import { setImmediate as turn } from 'node:timers/promises';
import type { ContainerReading, ReplaceMemberInput } from '../../activities/member-activities.ts';
import type { HostId, UpgradeId } from '../../model/ids.ts';
import type { PutBackOutcome, ReplacementOutcome } from '../../model/replacement.ts';
import { isAvailable, type Member, type MemberServer } from '../../model/service.ts';

/** refused: nothing was changed · unhealthy: the new one fails, and goes or stays as asked · stuck: nothing runs afterwards. */
export type FakeMemberFailure = 'refused' | 'unhealthy' | 'stuck';

type FakeContainer = { readonly id: string; readonly image: string; readonly upgrade: UpgradeId | null };

/**
 * A container on a host, with its stand-ins and its server at the load balancer, in memory. A working program: it goes
 * through the steps of a replacement one by one, and the same call again goes on from where it is.
 */
export class FakeMember {
  readonly host: HostId;
  readonly name: string;
  current: FakeContainer;
  running = true;
  /** Old containers that are kept for a way back, the latest first. */
  readonly kept: FakeContainer[] = [];
  serverState: MemberServer['state'] | null;
  /** Images whose containers the balancer's check does not find healthy. */
  readonly sickImages = new Set<string>();
  /** How often it was replaced, and put back. */
  replaced = 0;
  putBack = 0;
  readonly #changed: (event: string) => void;
  readonly #failures: FakeMemberFailure[] = [];
  readonly #backFailures: string[] = [];
  /** Set aside and not in place yet, on the way there or back. */
  #aside: FakeContainer | null = null;
  #way: 'there' | 'back' = 'there';
  readonly #wasRunning: boolean;
  #ids = 0;

  constructor(given: {
    readonly host: HostId;
    readonly name: string;
    readonly image: string;
    readonly running: boolean;
    readonly serverState: MemberServer['state'] | null;
    readonly changed: (event: string) => void;
  }) {
    this.host = given.host;
    this.name = given.name;
    this.running = given.running;
    this.#wasRunning = given.running;
    this.serverState = given.serverState;
    this.#changed = given.changed;
    this.current = this.#container(given.image, null);
  }

  /** The next replacement ends so; repeated calls queue up. */
  failNext(failure: FakeMemberFailure): void {
    this.#failures.push(failure);
  }

  /** The next way back can't be gone. */
  failBack(reason: string): void {
    this.#backFailures.push(reason);
  }

  /** The balancer's check finds it unhealthy from now on, or healthy again. */
  ail(isSick: boolean): void {
    if (isSick) this.sickImages.add(this.current.image);
    else this.sickImages.clear();
    this.#changed(`${isSick ? 'sick' : 'mended'} ${this.name}`);
  }

  found(): Member {
    const { host, name: container, running, current } = this;
    const { image } = current;
    const { id } = this.#way === 'there' ? (this.#aside ?? current) : current;
    return { host, container, id, running, image, imageId: idOf(image), server: this.server() };
  }

  server(): MemberServer | null {
    if (this.serverState === null) return null;
    return { name: `${this.host}-${this.name}`, state: this.serverState, healthy: this.isHealthy() };
  }

  isHealthy(): boolean {
    return this.running && !this.sickImages.has(this.current.image);
  }

  isAvailable(): boolean {
    return isAvailable(this.found());
  }

  reading(): ContainerReading {
    const { image, upgrade } = this.current;
    const previous = this.kept[0] ?? null;
    return {
      ...{ running: this.running, image, imageId: idOf(image), upgrade },
      previousImageId: upgrade === null ? null : (this.#previous ?? (previous === null ? null : idOf(previous.image))),
      kept: this.kept.map(({ id }) => id),
    };
  }

  steer(state: MemberServer['state']): void {
    this.serverState = state;
    this.#changed(`${state} ${this.name}`);
  }

  async replace(
    input: Pick<ReplaceMemberInput, 'image' | 'upgrade' | 'until' | 'onFailure' | 'keepOld'>,
  ): Promise<ReplacementOutcome> {
    const failure = input.until === 'healthy' || this.#failures[0] === 'refused' ? this.#failures.shift() : undefined;
    if (failure === 'refused') return { outcome: 'refused', why: 'settings', reason: 'refused on purpose' };
    if (this.#aside === null) {
      const { current } = this;
      if (idOf(current.image) === idOf(input.image)) return { outcome: 'alreadyThere', id: current.id };
      await this.#stop(`stop old ${this.name}`);
      this.#way = 'there';
      this.#aside = current;
      this.current = this.#container(input.image, input.upgrade);
    }
    const previous = { id: this.#aside.id, imageId: idOf(this.#aside.image), keptAs: input.keepOld ? 'kept' : null };
    if (input.until === 'stopped') return { outcome: 'stopped', id: this.current.id, previous };
    await this.#start(`start new ${this.name}`);
    if (failure !== undefined) return this.#fail(failure, input.onFailure);
    if (input.keepOld) this.kept.unshift(this.#aside);
    this.#previous = idOf(this.#aside.image);
    this.#aside = null;
    this.replaced += 1;
    return { outcome: 'replaced', id: this.current.id, previous, awayMs: 1, notes: [] };
  }

  async goBack(until: 'stopped' | 'running', to?: string): Promise<PutBackOutcome> {
    const failure = this.#backFailures.shift();
    if (failure !== undefined) return { outcome: 'stuck', reason: failure };
    if (this.#aside === null && this.current.id === to)
      return { outcome: 'putBack', id: this.current.id, imageId: idOf(this.current.image) };
    if (this.#way === 'there' || this.#aside === null) {
      const old = this.#aside ?? (this.current.upgrade === null ? undefined : this.kept[0]);
      if (old === undefined || (to !== undefined && old.id !== to))
        return { outcome: 'nothingKept', reason: 'nothing is kept' };
      if (this.#aside === null) this.kept.shift();
      await this.#stop(`stop new ${this.name}`);
      this.#way = 'back';
      this.#aside = this.current;
      this.current = old;
    }
    if (until === 'stopped') return { outcome: 'stopped' };
    this.#aside = null;
    await this.#start(`start old ${this.name}`);
    this.putBack += 1;
    return { outcome: 'putBack', id: this.current.id, imageId: idOf(this.current.image) };
  }

  discard(only: string | null): number {
    const gone = this.kept.filter(({ id }) => only === null || id === only);
    for (const container of gone) this.kept.splice(this.kept.indexOf(container), 1);
    if (gone.length > 0) this.#changed(`discard ${this.name}`);
    return gone.length;
  }

  /** Image that the one in place took over from, by its labels. */
  #previous: string | null = null;

  async #fail(failure: FakeMemberFailure, onFailure: 'putBack' | 'leave'): Promise<ReplacementOutcome> {
    const reason = `${failure} on purpose`;
    if (failure === 'stuck') {
      await this.#stop(`lose ${this.name}`);
      return { outcome: 'stuck', reason };
    }
    if (onFailure === 'leave') return { outcome: 'failed', reason };
    await this.#stop(`stop new ${this.name}`);
    if (this.#aside !== null) this.current = this.#aside;
    this.#aside = null;
    await this.#start(`start old ${this.name}`);
    return { outcome: 'putBack', reason };
  }

  /** Others get their turn between two steps. */
  async #stop(event: string): Promise<void> {
    this.running = false;
    this.#changed(event);
    await turn();
  }

  async #start(event: string): Promise<void> {
    // A stopped container stays stopped.
    this.running = this.#wasRunning;
    this.#changed(event);
    await turn();
  }

  #container(image: string, upgrade: UpgradeId | null): FakeContainer {
    this.#ids += 1;
    return { id: `${this.host}-${this.name}-${this.#ids}`, image, upgrade };
  }
}

/** An image and its id mean the same. */
export const idOf = (image: string): string => (image.startsWith('id:') ? image : `id:${image}`);
