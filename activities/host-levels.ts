import { busKeys, type Alive, type Order, type Report } from '../model/bus.ts';
import type { FleetId, HostId } from '../model/ids.ts';
import type { BusEntry } from '../model/ports.ts';
import type { Ports } from './ports.ts';

/** What the bus says of one host now. An unreadable value counts as absent, and is named in `problems`. */
export type HostLevel = {
  readonly order: Order | null;
  readonly report: Report | null;
  readonly alive: Alive | null;
  readonly reportRevision: string | null;
  readonly problems: readonly string[];
};

/** A host as it is followed: the level is null until the bus was read for the first time. */
export type FollowedHost = { level(): HostLevel | null; end(): void };

/** How long a watch that nobody needs is kept; ms. The next host of a serial wave is ordered within this time. */
const LINGER_MS = 30_000;

/** One watch a fleet for all hosts that activities of this worker wait for (DESIGN.md §5). */
export class HostLevels {
  readonly #ports: Pick<Ports, 'bus' | 'values'>;
  readonly #watches = new Map<FleetId, FleetWatch>();

  constructor(ports: Pick<Ports, 'bus' | 'values'>) {
    this.#ports = ports;
  }

  follow(place: { readonly fleet: FleetId; readonly host: HostId }, onChange: () => void): FollowedHost {
    const watch = this.#watches.get(place.fleet) ?? this.#start(place.fleet);
    return watch.follow(place.host, onChange);
  }

  #start(fleet: FleetId): FleetWatch {
    const watch = new FleetWatch(this.#ports, fleet, () => this.#watches.delete(fleet));
    this.#watches.set(fleet, watch);
    return watch;
  }
}

class FleetWatch {
  readonly #ports: Pick<Ports, 'bus' | 'values'>;
  readonly #fleet: FleetId;
  readonly #ending = new AbortController();
  readonly #onEnd: () => void;
  readonly #followers = new Set<{ readonly host: HostId; readonly update: () => void }>();
  #entries: ReadonlyMap<string, BusEntry> | null = null;
  #linger: NodeJS.Timeout | null = null;

  constructor(ports: Pick<Ports, 'bus' | 'values'>, fleet: FleetId, onEnd: () => void) {
    this.#ports = ports;
    this.#fleet = fleet;
    this.#onEnd = onEnd;
    ports.bus.watch(busKeys(fleet).hosts, (entries) => this.#update(entries), this.#ending.signal);
  }

  follow(host: HostId, onChange: () => void): FollowedHost {
    if (this.#linger !== null) clearTimeout(this.#linger);
    const level = new Level(this.#ports.values, this.#fleet, host);
    const update = (): void => {
      if (this.#entries !== null && level.update(this.#entries)) onChange();
    };
    const follower = { host, update };
    this.#followers.add(follower);
    update();
    return { level: () => level.latest, end: () => this.#leave(follower) };
  }

  #update(entries: readonly BusEntry[]): void {
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    for (const follower of this.#followers) follower.update();
  }

  #leave(follower: { readonly host: HostId; readonly update: () => void }): void {
    if (!this.#followers.delete(follower) || this.#followers.size > 0) return;
    this.#linger = setTimeout(() => {
      this.#ending.abort();
      this.#onEnd();
    }, LINGER_MS);
    this.#linger.unref();
  }
}

/** Parses a host's three values again only when one of them changed. */
class Level {
  latest: HostLevel | null = null;
  readonly #values: Ports['values'];
  readonly #fleet: FleetId;
  readonly #host: HostId;
  #seen: readonly (BusEntry | null)[] = [];

  constructor(values: Ports['values'], fleet: FleetId, host: HostId) {
    this.#values = values;
    this.#fleet = fleet;
    this.#host = host;
  }

  update(entries: ReadonlyMap<string, BusEntry>): boolean {
    const keys = busKeys(this.#fleet);
    const seen = [keys.order, keys.report, keys.alive].map((key) => entries.get(key(this.#host)) ?? null);
    if (this.latest !== null && seen.every((entry, index) => entry === this.#seen[index])) return false;
    this.#seen = seen;
    this.latest = parseLevel(this.#values, seen);
    return true;
  }
}

/** Reads a host's values outside of any watch. Throws when the bus can't be reached. */
export async function readHostLevel(
  { bus, values }: Pick<Ports, 'bus' | 'values'>,
  { fleet, host }: { readonly fleet: FleetId; readonly host: HostId },
): Promise<HostLevel> {
  const keys = busKeys(fleet);
  const entries = new Map((await bus.list(keys.host(host))).map((entry) => [entry.key, entry]));
  return parseLevel(
    values,
    [keys.order, keys.report, keys.alive].map((key) => entries.get(key(host)) ?? null),
  );
}

/** Levels of all hosts at once. */
export async function readFleetLevels(
  { bus, values }: Pick<Ports, 'bus' | 'values'>,
  fleet: FleetId,
  hosts: readonly HostId[],
): Promise<ReadonlyMap<HostId, HostLevel>> {
  const keys = busKeys(fleet);
  const entries = new Map((await bus.list(keys.hosts)).map((entry) => [entry.key, entry]));
  return new Map(
    hosts.map((host) => {
      const own = [keys.order, keys.report, keys.alive].map((key) => entries.get(key(host)) ?? null);
      return [host, parseLevel(values, own)];
    }),
  );
}

function parseLevel(values: Ports['values'], [order, report, alive]: readonly (BusEntry | null)[]): HostLevel {
  const parsed = {
    order: order == null ? null : values.parseOrder(order.value),
    report: report == null ? null : values.parseReport(report.value),
    alive: alive == null ? null : values.parseAlive(alive.value),
  };
  return {
    order: parsed.order?.ok === true ? parsed.order.value : null,
    report: parsed.report?.ok === true ? parsed.report.value : null,
    alive: parsed.alive?.ok === true ? parsed.alive.value : null,
    reportRevision: report?.revision ?? null,
    problems: Object.values(parsed).flatMap((one) => (one === null || one.ok ? [] : [one.problem])),
  };
}
