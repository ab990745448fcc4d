import { assert } from '../../model/assert.ts';
import { parseHostId, type HostId } from '../../model/ids.ts';
import { memberName, type MemberServer } from '../../model/service.ts';
import type { Finding } from '../../model/upgrade.ts';
import type { PullImageResult } from '../../activities/member-activities.ts';
import { FakeMember, idOf } from './fake-member.ts';

/** Image of members before any upgrade. */
export const OLD_IMAGE = 'registry.lab:5000/web:1';

/** The containers of a fleet, and who of them was there for whom at every moment. */
export class FakeMembers {
  readonly all: FakeMember[] = [];
  /** Hosts by what they have pulled. */
  readonly images = new Set<string>();
  findings: readonly Finding[] = [];
  /** States on the bus, by member. */
  readonly told = new Map<string, string>();
  /** Fewest members that were available at any moment. */
  leastAvailable = Infinity;
  /** Fewest that were left available when one that was available was taken out or stopped. */
  leastWhenTaken = Infinity;
  /** Whether containers of two images ran at the same time. */
  isMixed = false;
  /** The members of a host wait at the start of a replacement. */
  readonly held = new Set<string>();
  readonly #pulls = new Map<HostId, PullImageResult[]>();
  readonly #changed: (event: string) => void;
  #lastAvailable = 0;

  constructor(changed: (event: string) => void) {
    this.#changed = changed;
  }

  /** `web-1` … on the hosts in turn, behind a balancer unless it is told otherwise. */
  add(
    hosts: readonly string[],
    { service = 'web', each = 1, serverState = 'ready', running = true }: Partial<Added> = {},
  ): readonly FakeMember[] {
    const added = hosts.flatMap((host) =>
      Array.from({ length: each }, (_, index) => {
        const changed = (event: string): void => this.changed(`${event} on ${host}`);
        const name = `${service}-${index + 1}`;
        return new FakeMember({ host: parseHostId(host), name, image: OLD_IMAGE, running, serverState, changed });
      }),
    );
    this.all.push(...added);
    this.leastAvailable = this.available();
    return added;
  }

  of(service: string): readonly FakeMember[] {
    return this.all.filter(({ name }) => name.startsWith(`${service}-`));
  }

  member(host: string, name = 'web-1'): FakeMember {
    const member = this.find(parseHostId(host), name);
    assert(member !== null, `${host} has ${name}`);
    return member;
  }

  find(host: HostId, name: string): FakeMember | null {
    return this.all.find((each) => each.host === host && each.name === name) ?? null;
  }

  available(): number {
    return this.all.filter((member) => member.isAvailable()).length;
  }

  imagesInPlace(): readonly string[] {
    return this.all.map(({ current }) => current.image);
  }

  /** Looks at all members whenever something has happened to one. */
  changed(event: string): void {
    const available = this.available();
    this.leastAvailable = Math.min(this.leastAvailable, available);
    if (/^(drain|stop)/.test(event) && available < this.#lastAvailable)
      this.leastWhenTaken = Math.min(this.leastWhenTaken, available);
    this.#lastAvailable = available;
    const running = this.all.filter((member) => member.running).map(({ current }) => idOf(current.image));
    if (new Set(running).size > 1) this.isMixed = true;
    this.#changed(event);
  }

  failPull(host: string, kind: 'environment' | 'input', message = `${kind} on purpose`): void {
    const name = parseHostId(host);
    this.#pulls.set(name, [...(this.#pulls.get(name) ?? []), { outcome: 'failed', kind, message }]);
  }

  pull(host: HostId, image: string): PullImageResult {
    const failure = this.#pulls.get(host)?.shift();
    if (failure !== undefined) return failure;
    const name = `${host} ${image}`;
    if (this.images.has(name)) return { outcome: 'alreadyThere' };
    this.images.add(name);
    this.#changed(`pull on ${host}`);
    return { outcome: 'pulled' };
  }

  tell(states: readonly { readonly host: HostId; readonly container: string; readonly state: string }[]): void {
    for (const { state, ...id } of states) {
      if (state === 'Active') this.told.delete(memberName(id));
      else this.told.set(memberName(id), state);
    }
    this.#changed('told');
  }
}

type Added = {
  readonly service: string;
  readonly each: number;
  readonly serverState: MemberServer['state'] | null;
  readonly running: boolean;
};
