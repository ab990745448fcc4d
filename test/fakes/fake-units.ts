import { createUnitActivities } from '../../activities/create-unit.ts';
import { ReleaseCache } from '../../activities/release-cache.ts';
import type { UnitActivities } from '../../activities/unit-activities.ts';
import * as values from '../../drivers/bus-values.ts';
import type { JobOutcome } from '../../model/engine.ts';
import type { Fleet, FleetUnit } from '../../model/fleet.ts';
import { parseServiceId, type FleetId, type HostId } from '../../model/ids.ts';
import type { Clock } from '../../model/ports.ts';
import { placeUnit } from '../../model/unit-placement.ts';
import { portOf } from '../../model/unit-site.ts';
import { slots, unitLabels, type UnitRelease } from '../../model/unit.ts';
import { systemClock } from '../../worker/ports.ts';
import { shop, unitRelease } from '../model/units.ts';
import { FakeEngine } from './engine.ts';
import { fleet as fleetOf } from './fleet.ts';
import { MemoryBus } from './memory-bus.ts';
import { readRelease, release, releaseRef } from './release.ts';
import { FakeSlotBalancer } from './slot-balancer.ts';

const web = parseServiceId('web');
export const edgeUnit: FleetUnit = {
  name: shop,
  balancer: {
    ...{ type: 'haproxy', loadBalancer: 'edge', map: '/etc/haproxy/shop.map', mapFile: '/etc/haproxy/shop.map' },
    frontends: [{ service: web, backend: 'shop-web-{slot}', server: '{host}-{container}' }],
  },
  files: { key: '/secrets/key.pem', account: '/secrets/account.json' },
};

/** Real time with short pauses: what is looked at here costs nothing. */
const quickClock: Clock = { ...systemClock, sleep: async (ms, signal) => systemClock.sleep(ms / 10, signal) };

/** A unit `shop` on a fleet of engines in memory, behind a load balancer in memory; the steps on it are the real ones. */
export class FakeUnits {
  readonly engines: ReadonlyMap<HostId, FakeEngine>;
  readonly balancer: FakeSlotBalancer;
  /** Files of the worker's disk, by their path. */
  readonly files = new Map<string, string>([
    ['/secrets/key.pem', 'the-key-canary'],
    ['/secrets/account.json', '{"password":"the-account-canary"}'],
  ]);
  /** What jobs were run, in order. */
  readonly ran: string[] = [];
  readonly missingImages = new Set<string>();
  readonly portsInUse = new Set<number>();
  fleetUnit: FleetUnit = edgeUnit;
  unit: UnitRelease;
  version = '2.0.0';
  /** The fleet file, but for the unit. */
  fleet: Fleet;
  clock: Clock = quickClock;
  readonly activities: UnitActivities;
  readonly #changed: (event: string) => void;

  constructor(name: FleetId, hosts: readonly HostId[], changed: (event: string) => void) {
    this.#changed = changed;
    this.unit = unitRelease();
    this.engines = new Map(hosts.map((host) => [host, new FakeEngine(host)]));
    this.balancer = new FakeSlotBalancer('edge');
    const base = fleetOf(hosts.length);
    this.fleet = { ...base, fleet: name, hosts: base.hosts.map((host) => ({ ...host, address: `${host.name}.lab` })) };
    this.#listen();
    this.activities = createUnitActivities({
      engine: (host) => this.engine(host),
      loadFleet: () => ({ ...this.fleet, units: [this.fleetUnit] }),
      slotBalancer: () => this.balancer,
      readUnitFile: async (path) => Promise.resolve().then(() => this.#read(path)),
      registryAuth: async () => Promise.resolve(null),
      registry: this.#registry(),
      releases: new ReleaseCache({ readRelease: async () => Promise.resolve(this.read()) }),
      clock: { now: () => this.clock.now(), sleep: async (ms, signal) => this.clock.sleep(ms, signal) },
      bus: new MemoryBus().connect(),
      values,
    });
    this.expect(this.unit);
    this.#programs();
  }

  engine(host: string): FakeEngine {
    const found = [...this.engines].find(([name]) => name === host)?.[1];
    if (found === undefined) throw new Error(`there is no host ${host}`);
    return found;
  }

  /** The release as its registry has it; each version has a digest of its own. */
  read(): ReturnType<typeof readRelease> {
    const published = readRelease(release({ version: this.version, units: [this.unit] }));
    return { ...published, ref: releaseRef(this.version, this.version[0]) };
  }

  /** From now on, this is what the registry has. */
  publish(version: string, unit: UnitRelease): void {
    this.version = version;
    this.expect(unit);
  }

  /** The balancer has a server for each member that either slot could have. */
  expect(unit: UnitRelease): void {
    this.unit = unit;
    for (const slot of slots) {
      const { members } = placeUnit(unit, slot, this.fleet.hosts);
      for (const member of members.filter(({ service }) => service === web)) {
        const port = portOf({ unit }, member, slot) ?? 0;
        const server = { service: web, name: `${member.host}-${member.container}`, address: `10.0.0.1:${port}` };
        this.balancer.add({ unit: shop, slot }, server);
      }
    }
    this.#programs();
  }

  /** Members of a slot, on all hosts, by name: `host-1/shop-blue-web-1 running`. */
  containers(slot: string): readonly string[] {
    const found = [...this.engines].flatMap(([host, engine]) =>
      engine.containers
        .all()
        .filter(({ labels }) => labels[unitLabels.unit] === shop && labels[unitLabels.slot] === slot)
        .filter(({ labels }) => labels[unitLabels.service] !== undefined)
        .map(({ name, running }) => `${host}/${name} ${running ? 'running' : 'stopped'}`),
    );
    return found.sort();
  }

  /** What a job does, by the first word of its command. */
  program(name: string, work: () => Promise<JobOutcome> | JobOutcome): void {
    for (const engine of this.engines.values()) {
      engine.programs.set(name, () => {
        this.ran.push(name);
        this.#changed(`job ${name}`);
        return work();
      });
    }
  }

  #programs(): void {
    const { migrations, tests, accountData } = this.unit;
    const jobs = [...migrations, ...tests, ...(accountData === null ? [] : [accountData])];
    const words = [
      ...jobs,
      ...migrations.flatMap(({ down, check }) => [{ command: down ?? [] }, { command: check ?? [] }]),
    ];
    for (const { command } of words) {
      if (command[0] !== undefined) this.program(command[0], () => exits(0, 'it went well'));
    }
    for (const engine of this.engines.values()) {
      engine.programs.set('ports', () => {
        const inUse = [...this.portsInUse].map((port) => ({ port, why: 'EADDRINUSE' }));
        return exits(0, JSON.stringify({ inUse }));
      });
    }
  }

  #read(path: string): Uint8Array {
    const found = this.files.get(path);
    if (found === undefined) throw new Error(`${path}: expected a file that can be read, got ENOENT`);
    return Buffer.from(found);
  }

  #registry() {
    return {
      resolve: async () => Promise.resolve(this.read().ref),
      readRelease: async () => Promise.resolve(this.read()),
      exists: async (image: string) => Promise.resolve(!this.missingImages.has(image)),
      sizeOf: async () => Promise.resolve(null),
    };
  }

  /** Says every cutover, in the order of everything else. */
  #listen(): void {
    const { balancer } = this;
    const cutOver = balancer.cutOver.bind(balancer);
    balancer.cutOver = async (unit, to, signal) => {
      await cutOver(unit, to, signal);
      this.#changed(`cut over to ${to}`);
    };
  }
}

export const exits = (exitCode: number, ...lines: readonly string[]): JobOutcome => ({
  outcome: 'exited',
  exitCode,
  lines,
});
