import type { LoadedService, ServiceInPlan } from '../activities/activities.ts';
import { assert } from '../model/assert.ts';
import type { ServiceId } from '../model/ids.ts';
import { advanceStanding, type ServiceStanding, type StandingState } from '../model/upgrade.ts';

/** Longest error of a service; characters. With MAX_SERVICES of them an upgrade's record stays under 16 kB. */
const MAX_ERROR_LENGTH = 160;

/** Where the services of an upgrade's release are, in the order in which they go. */
export class Standings {
  /** What the release and the fleet file say of a service; kept, so that no registry is needed for the way back. */
  readonly loaded = new Map<ServiceId, LoadedService>();
  /** Services whose members this upgrade changed, or may have: they have a way back. */
  readonly changed = new Set<ServiceId>();
  private open: { readonly name: ServiceId; isSkipped: boolean } | null = null;
  private readonly standings = new Map<ServiceId, ServiceStanding>();

  add(services: readonly ServiceInPlan[]): void {
    for (const { name, image } of services) {
      this.standings.set(name, { name, image, state: 'pending', members: null });
    }
  }

  names(): readonly ServiceId[] {
    return [...this.standings.keys()];
  }

  all(): readonly ServiceStanding[] {
    return [...this.standings.values()];
  }

  of(name: ServiceId): ServiceStanding {
    const standing = this.standings.get(name);
    assert(standing !== undefined, `service ${name} is in the plan`);
    return standing;
  }

  /** What went wrong is told as long as it is true. */
  move(name: ServiceId, state: StandingState, error?: string): void {
    const { error: before, ...standing } = this.of(name);
    const told = error ?? (state === 'skipped' ? before : undefined);
    this.standings.set(name, {
      ...standing,
      state: advanceStanding(standing.state, state),
      ...(told !== undefined && { error: told.slice(0, MAX_ERROR_LENGTH) }),
    });
  }

  /** An operator is asked about the service; nothing else of it can be answered. */
  ask(name: ServiceId): void {
    this.open = { name, isSkipped: false };
  }

  isAsked(name: string): boolean {
    // A signal sent by hand may name nothing.
    return this.open !== null && this.open.name === name;
  }

  skip(): void {
    if (this.open !== null) this.open.isSkipped = true;
  }

  isSkipped(): boolean {
    return this.open?.isSkipped ?? false;
  }

  /** Closes the question. */
  takeAnswer(): 'skip' | null {
    const answer = this.isSkipped() ? 'skip' : null;
    this.open = null;
    return answer;
  }

  count(name: ServiceId, members: number): void {
    this.standings.set(name, { ...this.of(name), members });
  }
}
