import type { PlannedHop } from '../activities/activities.ts';
import { assert } from '../model/assert.ts';
import { advanceHost, isFailure, type HostState } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { unpackWaves, type PlannedHost, type WaveSummary } from '../model/plan.ts';
import { advanceHop, type HopState, type HostProgress } from '../model/upgrade.ts';
import { Standings } from './standings.ts';

/** One hop of an upgrade: its part of the plan, and where its hosts, services and migrations are. */
export class HopRun {
  readonly planned: PlannedHop;
  readonly waves: readonly WaveSummary[];
  readonly hosts = new Map<HostId, HostProgress>();
  readonly services = new Standings();
  /** Hosts that got an order to install: they may have been changed, however that ended. */
  readonly ordered = new Set<HostId>();
  /** Migrations that this upgrade applied, in the order in which it did. */
  readonly applied: string[] = [];
  hasBackedUp = false;
  state: HopState = 'pending';

  constructor(planned: PlannedHop) {
    this.planned = planned;
    this.waves = unpackWaves(planned.waves);
  }

  get to(): string {
    return this.planned.release.version;
  }

  enter(state: HopState): void {
    this.state = advanceHop(this.state, state);
  }

  /** Why what was before this hop can't come back; null: it can. */
  passed(): string | null {
    const point = this.planned.migrations.find(
      ({ name, isPointOfNoReturn }) => isPointOfNoReturn && this.applied.includes(name),
    );
    return point === undefined ? null : `migration ${point.name} has no way back`;
  }

  host(name: HostId): HostProgress {
    const host = this.hosts.get(name);
    assert(host !== undefined, `${name} is in the plan`);
    return host;
  }

  move(name: HostId, state: HostState): void {
    const { error, ...host } = this.host(name);
    // What went wrong is told as long as it is true: a host that is tried again has no error.
    const isKept = error !== undefined && (isFailure(state) || state === 'skipped');
    this.hosts.set(name, { ...host, state: advanceHost(host.state, state), ...(isKept && { error }) });
  }

  add({ name, from }: PlannedHost, wave: string | null, state: HostState): void {
    const nothing = { to: null, step: null, startedAt: null, finishedAt: null };
    this.hosts.set(name, { name, state, from, wave, ...nothing });
  }

  note(name: HostId, error: string): void {
    this.hosts.set(name, { ...this.host(name), error });
  }

  hostsOf(wave: string, ...states: readonly HostState[]): readonly HostId[] {
    return this.hostsIn(...states).filter((name) => this.host(name).wave === wave);
  }

  hostsIn(...states: readonly HostState[]): readonly HostId[] {
    return [...this.hosts.values()].filter((host) => states.includes(host.state)).map((host) => host.name);
  }

  failures(): readonly HostProgress[] {
    return [...this.hosts.values()].filter((host) => isFailure(host.state));
  }
}
