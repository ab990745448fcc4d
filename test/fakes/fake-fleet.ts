import type { DownloadResult } from '../../activities/activities.ts';
import { assert } from '../../model/assert.ts';
import { parseDigest, parseFleetId, parseHostId, type FleetId, type HostId } from '../../model/ids.ts';
import type { HopPlan } from '../../model/plan.ts';
import type { ReleaseRef, ServiceRelease } from '../../model/release.ts';
import type { Finding } from '../../model/upgrade.ts';
import type { OrderMembersInput } from '../../activities/member-activities.ts';
import { FakeHost } from './fake-host.ts';
import { FakeMembers } from './fake-members.ts';
import { FakeMigrations } from './fake-migrations.ts';
import type { FakeChain } from './fake-chain.ts';
import { FakeTraffic } from './fake-traffic.ts';
import { FakeUpgrader } from './fake-upgrader.ts';
import { FakeUnits } from './fake-units.ts';

/** A whole fleet in memory: hosts with their agents, what the bus would hold, and faults to inject. */
export class FakeFleet {
  readonly name: FleetId;
  readonly release: ReleaseRef = {
    name: 'sample',
    version: '2.0.0',
    repository: 'registry.lab:5000/sample',
    digest: parseDigest(`sha256:${'2'.repeat(64)}`),
    contents: parseDigest(`sha256:${'c'.repeat(64)}`),
  };
  readonly hosts: ReadonlyMap<HostId, FakeHost>;
  /** What happened on the hosts and to the activities, in order. */
  readonly log: string[] = [];
  readonly plans = new Map<string, HopPlan>();
  /** Versions on the way to the release. */
  path: readonly string[] = [];
  readonly migrations = new FakeMigrations((event) => this.changed(event));
  /** Workflow runs by the epoch that they got. */
  readonly epochs: string[] = [];
  findings: readonly Finding[] = [];
  /** Of the release, and of each on the way to it that has no other ones. */
  services: readonly ServiceRelease[] = [];
  readonly servicesOnTheWay = new Map<string, readonly ServiceRelease[]>();
  /** Containers, by service or by themselves. */
  readonly members = new FakeMembers((event) => this.changed(event));
  /** Given to agents about members. */
  readonly orders: OrderMembersInput[] = [];
  chain: FakeChain | null = null;
  /** null: no service of the fleet is behind a load balancer. */
  traffic: FakeTraffic | null = null;
  /** The upgrader and the agents: by default the release brings none. */
  readonly itself: FakeUpgrader;
  /** null: no unit is on the fleet. */
  units: FakeUnits | null = null;
  /** Set: another run has taken over. */
  isFenced = false;
  /** What a probe answers, in turn; then that the step would work. */
  readonly probes: { readonly ok: boolean; readonly evidence: string }[] = [];
  /** Most hosts that were at work at the same time. */
  mostAtWork = 0;
  /** Called before and after each activity. */
  onActivity: (name: string, when: 'before' | 'after') => void | Promise<void> = () => undefined;
  readonly #broken = new Map<string, Error>();
  readonly #downloads = new Map<HostId, DownloadResult[]>();
  readonly #hanging = new Set<HostId>();
  readonly #watchers = new Set<() => void>();

  constructor(name: string, versions: readonly (string | null)[]) {
    this.name = parseFleetId(name);
    const hosts = versions.map((version, index) => {
      const host = parseHostId(`host-${index + 1}`);
      return [host, new FakeHost(host, version, (event) => this.changed(event))] as const;
    });
    this.hosts = new Map(hosts);
    this.itself = new FakeUpgrader([...this.hosts.keys()], (event) => this.changed(event));
  }

  /** Of a release on the path. */
  refOf(version: string): ReleaseRef {
    if (version === this.release.version) return this.release;
    const character = `${this.path.indexOf(version) + 3}`;
    return { ...this.release, version, digest: parseDigest(`sha256:${character.repeat(64)}`) };
  }

  servicesOf(version: string): readonly ServiceRelease[] {
    return this.servicesOnTheWay.get(version) ?? this.services;
  }

  host(name: string): FakeHost {
    const host = this.hosts.get(parseHostId(name));
    assert(host !== undefined, `${name} is in the fleet`);
    return host;
  }

  versions(): readonly (string | null)[] {
    return [...this.hosts.values()].map(({ installed }) => installed);
  }

  /** Hosts in the order in which an action began on them. */
  begun(action: 'install' | 'revert'): readonly string[] {
    const prefix = `begin ${action} `;
    return this.log.filter((event) => event.startsWith(prefix)).map((event) => event.slice(prefix.length));
  }

  /** Puts a member of every host behind a load balancer. */
  balance(): FakeTraffic {
    this.traffic = new FakeTraffic(this.name, [...this.hosts.keys()], (event) => this.changed(event));
    return this.traffic;
  }

  /** Puts a unit `shop` on it. */
  install(): FakeUnits {
    this.units = new FakeUnits(this.name, [...this.hosts.keys()], (event) => this.changed(event));
    return this.units;
  }

  /** Every attempt of an activity fails with it, until it is mended. */
  break(activity: string, error: Error): void {
    this.#broken.set(activity, error);
  }

  mend(activity: string): void {
    this.#broken.delete(activity);
  }

  throwIfBroken(activity: string): void {
    const error = this.#broken.get(activity);
    if (error !== undefined) throw error;
  }

  failDownload(host: string, kind: 'environment' | 'release', message = `${kind} on purpose`): void {
    const name = parseHostId(host);
    const queue = this.#downloads.get(name) ?? [];
    this.#downloads.set(name, [...queue, { outcome: 'failed', kind, message }]);
  }

  /** Downloads to this host get nowhere. */
  hangDownload(host: string): void {
    this.#hanging.add(parseHostId(host));
  }

  isHanging(host: HostId): boolean {
    return this.#hanging.has(host);
  }

  takeDownload(host: HostId): DownloadResult {
    return this.#downloads.get(host)?.shift() ?? { outcome: 'staged', bytes: 1 };
  }

  changed(event: string): void {
    this.log.push(event);
    const atWork = [...this.hosts.values()].filter((host) => host.isAtWork).length;
    this.mostAtWork = Math.max(this.mostAtWork, atWork);
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves when the condition holds; looked at whenever something changed. */
  async until(isMet: () => boolean, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!isMet() && signal?.aborted !== true) return;
        this.#watchers.delete(look);
        signal?.removeEventListener('abort', look);
        if (signal?.aborted === true) reject(new Error('the wait was cancelled', { cause: signal.reason }));
        else resolve();
      };
      this.#watchers.add(look);
      signal?.addEventListener('abort', look);
      look();
    });
  }
}
