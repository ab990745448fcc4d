import {
  parseDigest,
  parseFleetId,
  parseHostId,
  parseServiceId,
  parseStepId,
  parseUpgradeId,
  type HostId,
} from '../../../model/ids.ts';
import type { Report } from '../../../model/bus.ts';
import { busKeys } from '../../../model/bus.ts';
import type { KernelStep, Release, ReleaseRef, ServiceRelease, Step } from '../../../model/release.ts';
import { releaseWork } from '../../../agent/host-work.ts';
import { memberThing, SimHost, type HostFaults } from './sim-host.ts';
import type { KernelFault } from './sim-kernel.ts';
import { SimWorker, type Fence, type Mission, type ServiceMission } from './sim-worker.ts';
import { Store } from './store.ts';
import { World } from './world.ts';

/** How long faults are made, and how long everything has to have settled after the last; virtual ms. */
const FAULTY_MS = 8_000;
const HEALED_MS = 240_000;

const fleet = parseFleetId('sim');
const upgrade = parseUpgradeId('up');
/** For a service's upgrade of its own. */
const serviceUpgrade = parseUpgradeId('up-service');
const serviceName = parseServiceId('dns');
const digest = parseDigest(`sha256:${'2'.repeat(64)}`);
const ref: ReleaseRef = { name: 'sim', version: '2', repository: 'registry/sim', digest, contents: digest };

/** What is left out, to see that the simulation sees it. */
export type Broken = 'disk forgets' | 'orders stay' | 'kernel stays';

/** `traced`: keeps what happened, for people. */
export type ScheduleOptions = { readonly broken?: Broken; readonly traced?: boolean };

export type ScheduleEnd = {
  readonly seed: number;
  readonly violation: string | null;
  readonly trace: readonly string[];
};

/** One whole life of a fleet, out of one seed: an upgrade under faults, and what it must have come to once they stop. */
export async function runSchedule(seed: number, options: ScheduleOptions = {}): Promise<ScheduleEnd> {
  const world = new World(seed, options.traced === true);
  const store = new Store(world);
  const release = makeRelease(world);
  const mission = makeMission(world);
  const fence: Fence = { epoch: 0 };
  const hosts = mission.hosts.map(
    (id) =>
      new SimHost({
        world,
        store,
        id,
        fleet,
        faults: makeFaults(world, release, options),
        release: (wanted) => (wanted === digest ? release : null),
      }),
  );
  const undoFails = new Set(hosts.filter((host) => host.canGetStuck).map(({ id }) => id));
  watchWork(world, hosts);
  for (const host of hosts) world.after(world.random.between(0, 300), () => host.start());

  const workers: SimWorker[] = [];
  const withdraws = options.broken !== 'orders stay';
  const isAlive = (id: HostId): boolean => hosts.every((host) => host.id !== id || !host.isCutOff);
  const startWorker = (): void => {
    const worker = new SimWorker({ world, store, mission, fence, isAlive, withdraws });
    workers.push(worker);
    const follow = (): void => {
      if (world.isFaulty && workers.at(-1) === worker) startWorker();
    };
    worker
      .run()
      .then(() => (worker.isAborted ? world.after(world.random.between(100, 1_000), follow) : null))
      .catch((error: unknown) => world.violate(`the worker failed: ${String(error)}`));
  };
  startWorker();
  planTrouble(world, { store, hosts, workers, startWorker, losesPower: hasKernel(release) });

  await world.run(() => false, FAULTY_MS);
  world.isFaulty = false;
  world.note(() => 'faults are over');
  for (const worker of workers) worker.isSuspended = false;
  for (const host of hosts) host.reconnect();
  // Whoever comes last brings it to its end.
  if (workers.at(-1)?.isOver !== true || workers.at(-1)?.isAborted === true) startWorker();
  const last = workers.at(-1);
  await world.run(() => last?.isOver === true, HEALED_MS);
  if (last?.isOver !== true) world.violate(`the upgrade did not come to an end: ${describe(hosts)}`);
  for (const { id } of hosts)
    world.note(() => `report of ${id}: ${store.get(busKeys(fleet).report(id))?.value ?? 'none'}`);
  // Reports on their way arrive.
  await world.run(() => false, 12_000);
  if (world.violation === null) {
    const passedOver = last?.passedOver ?? new Set();
    judge(world, { store, hosts, undoFails, mission, release, passedOver });
  }
  return { seed, violation: world.violation, trace: world.trace };
}

function makeRelease(world: World): Release {
  const { random } = world;
  const count = random.between(1, 4);
  const kernelAt = random.chance(0.2) ? random.between(0, count - 1) : null;
  const steps = Array.from({ length: count }, (_, index): Step => {
    const id = parseStepId(`s${index}`);
    if (index === kernelAt) return { ...kernel, id };
    if (index > 0 && random.chance(0.15)) return { id, type: 'reboot', timeoutMs: 5_000 };
    return { id, type: 'run', check: [], command: [], undo: [], probe: null, timeoutMs: 5_000 };
  });
  const probes = random.chance(0.5) ? [{ type: 'unit', unit: 'x' } as const] : [];
  const health = { probes, minHealthyTimeMs: 300, deadlineMs: 2_000 };
  const host = { deadlineMs: 60_000, diskFreeBytes: 0, steps, health };
  const rest = { upgradesFrom: [], chain: [], components: {}, fleets: [], units: [], contents: [] };
  const none = { migrations: [], backup: null, upgrader: null };
  return { schema: 1, name: 'sim', version: '2', host, services: [dns], ...rest, ...none };
}

const kernel: Omit<KernelStep, 'id'> = {
  ...{ type: 'kernel', format: 'deb', kernel: '2', timeoutMs: 5_000, confirmWithinMs: 6_000 },
  package: { file: 'kernel.deb', name: 'kernel', version: '2', architecture: 'all' },
  health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 },
};

const dns: ServiceRelease = {
  name: serviceName,
  image: `registry/dns@${digest}`,
  compatible: true,
  infrastructure: false,
  strategy: { strategy: 'inPlace' },
  mode: 'agent',
  minAvailable: null,
  drainMs: 0,
  settings: {},
  health: { minHealthyTimeMs: 0, deadlineMs: 1_000, probe: null },
};

function makeServiceMission({ random }: World): ServiceMission | null {
  if (random.chance(0.5)) return null;
  const groups = Array.from({ length: random.between(1, 3) }, (_, group) =>
    Array.from({ length: random.between(1, 2) }, (_member, index) => `dns-${group}-${index}`),
  );
  const back = random.chance(0.5) ? 'no' : random.chance(0.5) ? 'groups' : 'all';
  return { name: serviceName, upgrade: random.chance(0.7) ? upgrade : serviceUpgrade, groups, back };
}

function makeMission(world: World): Mission {
  const { random } = world;
  const hosts = Array.from({ length: random.between(2, 5) }, (_, index) => parseHostId(`h${index}`));
  return {
    fleet,
    upgrade,
    release: ref,
    hosts,
    strategy: random.chance(0.5) ? 'serial' : 'daisy-chain',
    onFailure: random.chance(0.5) ? 'stop' : 'skip',
    rollsBack: random.chance(0.25),
    service: makeServiceMission(world),
  };
}

const kernelFaults: readonly KernelFault[] = [null, null, null, null, 'panics', 'no agent', 'sick'];
const hasKernel = ({ host }: Release): boolean => host.steps.some(({ type }) => type === 'kernel');

function makeFaults({ random }: World, release: Release, { broken }: ScheduleOptions): HostFaults {
  const isFailing = random.chance(0.15);
  return {
    kills: random.between(0, 5),
    killShare: random.chance(0.5) ? 0.03 : 0.1,
    failing: isFailing
      ? { index: random.between(0, releaseWork(release).steps.length - 1), afterEffect: random.chance(0.5) }
      : null,
    isUnhealthy: random.chance(0.05),
    undoFails: random.chance(0.05),
    kernel: kernelFaults[random.between(0, kernelFaults.length - 1)] ?? null,
    powerShare: hasKernel(release) ? 0.4 : 0,
    fullShare: random.chance(0.1) ? 0.1 : 0,
    forgetsUnsynced: broken === 'disk forgets',
    staysOnKernel: broken === 'kernel stays',
  };
}

function watchWork(world: World, hosts: readonly SimHost[]): void {
  for (const host of hosts) {
    host.onWork = (isAtWork) => {
      const atWork = hosts.filter((one) => one.isAtWork).map(({ id }) => id);
      if (isAtWork && atWork.length > 1) world.violate(`${atWork.join(' and ')} are at work at the same time`);
    };
  }
}

type Trouble = {
  readonly store: Store;
  readonly hosts: readonly SimHost[];
  readonly workers: readonly SimWorker[];
  readonly startWorker: () => void;
  readonly losesPower: boolean;
};

/**
 * A worker is suspended and another takes over; it wakes and finds itself fenced; orders of its time come back; it is
 * aborted; hosts are cut off from the bus; the bus is wiped; the power goes.
 */
function planTrouble(world: World, { store, hosts, workers, startWorker, losesPower }: Trouble): void {
  const { random } = world;
  if (random.chance(0.5)) {
    world.after(random.between(200, 5_000), () => {
      const old = workers.at(-1);
      if (old === undefined || old.isOver) return;
      old.isSuspended = true;
      startWorker();
      world.after(random.between(100, 3_000), () => {
        old.isSuspended = false;
      });
      for (let count = random.between(0, 3); count > 0; count -= 1) {
        world.after(random.between(100, 4_000), () => writeStale(world, { store, hosts, old }));
      }
    });
  }
  if (random.chance(0.15)) world.after(random.between(500, 6_000), () => store.wipe());
  if (random.chance(0.2)) {
    world.after(random.between(200, 6_000), () => {
      const last = workers.at(-1);
      if (last?.isOver === false) last.isAborted = true;
    });
  }
  if (random.chance(0.4)) {
    for (let count = random.between(1, 4); count > 0; count -= 1) {
      const host = hosts[random.between(0, hosts.length - 1)];
      const ms = random.between(500, 4_000);
      world.after(random.between(0, 4_000), () => host?.cutOff(ms));
    }
  }
  // Also in the middle of a start, and on a kernel without an agent.
  if (losesPower && random.chance(0.5)) {
    for (let count = random.between(1, 3); count > 0; count -= 1) {
      const host = hosts[random.between(0, hosts.length - 1)];
      world.after(random.between(0, FAULTY_MS), () => host?.cutPower());
    }
  }
}

/** Only to a host that has seen the newer epoch: before that, nobody but the bus's own compare could stop it. */
function writeStale(
  world: World,
  { store, hosts, old }: { store: Store; hosts: readonly SimHost[]; old: SimWorker },
): void {
  const order = old.staleOrder();
  const knowing = hosts.filter(({ highest }) => highest !== null && highest.epoch > order.epoch);
  const host = knowing[world.random.between(0, Math.max(0, knowing.length - 1))];
  if (host === undefined) return;
  const key = busKeys(fleet).order(host.id);
  world.note(() => `stale order ${order.epoch}.${order.sequence} for ${host.id}`);
  store.apply({ conditions: [], puts: [{ key, value: JSON.stringify(order) }] });
}

type Judged = {
  readonly store: Store;
  readonly hosts: readonly SimHost[];
  readonly undoFails: ReadonlySet<HostId>;
  readonly mission: Mission;
  readonly release: Release;
  /** By the last worker. */
  readonly passedOver: ReadonlySet<HostId>;
};

/** What must hold once the faults are over and all has come to rest. */
function judge(world: World, { store, hosts, undoFails, mission, release, passedOver }: Judged): void {
  for (const host of hosts) {
    const phase = host.phase();
    const steps = release.host.steps.filter(({ type }) => type !== 'reboot' && type !== 'kernel');
    const serviceWorks = host.state().works.filter(({ inEffect, service }) => inEffect && service !== null);
    const members = new Set(serviceWorks.flatMap(({ service }) => service?.containers ?? []).map(memberThing));
    const applied = steps.filter(({ id }) => host.things.get(id) === ref.version).length;
    const say = (what: string): void => world.violate(`${host.id} is ${phase}: ${what}`);
    if (phase === 'done' && applied !== steps.length) say(`only ${applied} of ${steps.length} steps are there`);
    if (phase === 'done' && hasKernel(release) && !host.kernel.isConfirmed) say('its kernel is not confirmed');
    const leftover = host.kernel.leftover();
    // Before the upgrade, or, when the host was ordered again, before that order.
    const isOn = host.installed() === ref.version;
    const isUntouched = applied === (isOn ? steps.length : 0);
    const hasMembers = [...host.things.keys()].filter((thing) => !steps.some(({ id }) => id === thing));
    const isAsOrdered = hasMembers.length === members.size && hasMembers.every((thing) => members.has(thing));
    // A host that was stuck and waits to be taken up again is neither.
    const mayBeHalf = phase === 'staged' && undoFails.has(host.id);
    if (['idle', 'staged', 'reverted'].includes(phase) && !isUntouched && !mayBeHalf)
      say(`${applied} of ${steps.length} steps are there`);
    if (['idle', 'staged', 'reverted'].includes(phase) && !isOn && !mayBeHalf && leftover !== null)
      say(`of its kernel is left: ${leftover}`);
    if (phase !== 'stuck' && !mayBeHalf && !isAsOrdered)
      say(`members are ${hasMembers.join(', ')}, expected ${[...members].join(', ')}`);
    if (phase === 'stuck' && !undoFails.has(host.id)) say('though no undo fails');
    if (!['idle', 'staged', 'done', 'reverted', 'stuck'].includes(phase)) say('which is no end');
    if (host.installed() !== host.installedFile()) say(`installed.json says ${host.installedFile() ?? 'nothing'}`);
    const report = store.json<Report>(busKeys(fleet).report(host.id));
    // A wipe, or a report that came late, may have made a worker take the host for one that never was on the release.
    const mayStay = phase === 'stuck' || report?.refused != null || store.wasWiped || passedOver.has(host.id);
    if (mission.service !== null && mission.service.back !== 'no' && !mayStay && members.size > 0)
      say(`${[...members].join(', ')} did not go back`);
    const isGoneBack = !isOn || phase === 'stuck' || report?.refused != null;
    if (mission.rollsBack && !isGoneBack) say('after a roll back');
    if (report !== null && report.phase !== phase) say(`the report says ${report.phase}`);
    if (report === null && phase !== 'idle') say('and no report tells it');
  }
}

const describe = (hosts: readonly SimHost[]): string => hosts.map((host) => `${host.id} ${host.phase()}`).join(', ');
