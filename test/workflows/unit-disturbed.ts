import { placeUnit } from '../../model/unit-placement.ts';
import { slots, unitLabels, type Slot, type UnitPolicy, type UnitRelease } from '../../model/unit.ts';
import { systemClock } from '../../worker/ports.ts';
import type { FakeEngine } from '../fakes/engine.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { exits, type FakeUnits } from '../fakes/fake-units.ts';
import { shop, unitJob, unitMigration, unitRelease, unitService } from '../model/units.ts';
import { parseServiceId } from '../../model/ids.ts';
import type { Seeded } from './seeded.ts';

/** How much shorter the activities' waits are. */
const HURRY = 20;
/** Answers of activities that are lost, so that what they did is done again. */
const LOST_ANSWERS = 3;
/** Times that an engine or the balancer goes away in one upgrade, and attempts of activities that it stays away for. */
const OUTAGES = 2;
const OUTAGE_ATTEMPTS = 3;
/** What waits long when an engine is away. */
const PATIENT: ReadonlySet<string> = new Set(['planUnit', 'pullSlotImages']);

/** Some services, jobs and migrations; the web is always there, since requests go to it. */
export function chooseUnit(random: Seeded): UnitRelease {
  const has = (chance: number): boolean => random.next() < chance;
  const db = has(0.7) ? [unitService('db', { shared: true, port: { inside: 5432, blue: 25432, green: 25432 } })] : [];
  const api = has(0.5)
    ? [unitService('api', { members: 1 + random.below(2), placement: { labels: {}, perHost: 2 } })]
    : [];
  const below = [...db, ...api].map(({ name }) => name);
  const port = { inside: 8080, blue: 20_200, green: 20_300 };
  const web = unitService('web', { members: 1 + random.below(2), dependsOn: below, port });
  const beside = parseServiceId(db.length > 0 ? 'db' : 'web');
  const migrations = ['m1', 'm2', 'm3'].slice(0, random.below(4)).map((name) =>
    unitMigration(name, {
      ...{ beside, when: has(0.7) ? 'expand' : 'contract', down: has(0.7) ? [`${name}-down`] : null },
      ...{ compatible: has(0.4), check: has(0.3) ? [`${name}-check`] : null },
    }),
  );
  return unitRelease({
    services: [...db, ...api, web],
    migrations,
    accountData: has(0.5) ? unitJob('account') : null,
    addOns: has(0.3) ? [{ ...unitService('shipper'), volumes: [] }] : [],
    tests: ['smoke', 'deep'].slice(0, random.below(3)).map((name) => unitJob(name)),
  });
}

export function chooseUnitPolicy(random: Seeded): Partial<UnitPolicy> {
  return {
    approval: random.next() < 0.3,
    onFailure: random.pick(['rollback', 'rollback', 'keep', 'pause']),
    keepMs: random.pick([0, 0, 400]),
    soak: {
      ...{ durationMs: random.pick([0, 100, 300]), maxErrorRate: random.pick([null, 0.1, 0.1]) },
      ...{ minRequests: 10, windowMs: 1_000, unhealthyMs: 50 },
    },
  };
}

/** What must hold at every moment of it; each that did not is in `broken`. */
export class Watched {
  readonly broken: string[] = [];
  /** Each run of a job's program: its name, the attempt, the upgrade. */
  readonly jobs: string[] = [];
  /** Was sent requests by somebody, and so must be whole; null: none was yet. */
  serving: Slot | null = null;
  readonly #fleet: FakeFleet;
  readonly #units: FakeUnits;

  constructor(fleet: FakeFleet, units: FakeUnits, serving: Slot | null) {
    this.#fleet = fleet;
    this.#units = units;
    this.serving = serving;
    const cutOver = units.balancer.cutOver.bind(units.balancer);
    units.balancer.cutOver = async (unit, to, signal) => {
      await cutOver(unit, to, signal);
      this.serving = to;
      this.look(`the cutover to ${to}`);
    };
    for (const engine of units.engines.values()) this.#guard(engine);
  }

  /** Slots that have containers of members. */
  filled(): readonly Slot[] {
    return slots.filter((slot) => this.#units.containers(slot).length > 0);
  }

  look(when: string): void {
    if (this.serving === null) return;
    const { members } = placeUnit(this.#units.unit, this.serving, this.#units.fleet.hosts);
    for (const { host, container } of members) {
      const found = this.#units.engine(host).containers.find(container);
      if (found?.running !== true) this.#note(`${container} on ${host} does not run at ${when}`);
    }
  }

  #guard(engine: FakeEngine): void {
    const remove = engine.removeContainer.bind(engine);
    const stop = engine.stopContainer.bind(engine);
    engine.removeContainer = async (container, options) => {
      this.#refuseServing(engine, container);
      return remove(container, options);
    };
    engine.stopContainer = async (container, options) => {
      this.#refuseServing(engine, container);
      return stop(container, options);
    };
  }

  #refuseServing(engine: FakeEngine, name: string): void {
    const found = engine.containers.find(name);
    const slot = found?.labels[unitLabels.slot];
    const isInUse = this.serving !== null && (slot === this.serving || slot === 'shared');
    if (found !== null && isInUse) this.#note(`${found.name} is taken away, and takes requests`);
  }

  #note(what: string): void {
    this.broken.push(what);
    this.#fleet.changed(`BROKEN ${what}`);
  }
}

/** Jobs that fail for a while, members that fall ill, requests that fail, engines that go away and answers that are lost. */
export function disturbUnit(fleet: FakeFleet, units: FakeUnits, { watched, random }: Disturbed): void {
  units.clock = { ...systemClock, sleep: async (ms, signal) => systemClock.sleep(ms / HURRY, signal) };
  for (const word of jobWords(units.unit)) failForAWhile(units, word, { watched, random });
  const { to } = nextOf(watched);
  const members = placeUnit(units.unit, to, units.fleet.hosts).members;
  const ill = members[random.below(members.length)];
  if (ill !== undefined && random.next() < 0.2) units.engine(ill.host).containers.sicken(ill.container, 'by chance');
  let errors = random.next() < 0.2 ? 20 : 0;
  const isTakenAway = random.next() < 0.2;
  let lost = LOST_ANSWERS;
  const away = new Outages(fleet, units, random);
  fleet.onActivity = (name, when) => {
    watched.look(`${when} ${name}`);
    away.pass(name, when);
    if (name === 'soakSlot' && when === 'before') {
      units.balancer.answer({ unit: shop, slot: to }, { requests: 50, errors });
      errors = 0;
      if (isTakenAway) units.balancer.setActive(shop, random.pick(['unset', 'mixed']));
    }
    if (when === 'before' || lost === 0 || random.next() > 0.1) return;
    lost -= 1;
    fleet.changed(`lost the answer to ${name}`);
    throw new Error('the answer is lost');
  };
}

type Disturbed = { readonly watched: Watched; readonly random: Seeded };

const nextOf = ({ serving }: Watched): { readonly to: Slot } => ({ to: serving === 'blue' ? 'green' : 'blue' });

const jobWords = ({ migrations, tests, accountData }: UnitRelease): readonly string[] =>
  [
    ...[...migrations, ...tests, ...(accountData === null ? [] : [accountData])].map(({ command }) => command),
    ...migrations.flatMap(({ down, check }) => [down ?? [], check ?? []]),
  ].flatMap(([word]) => word ?? []);

/** Some fail once, few for ever; a check mostly says that it is not applied. */
function failForAWhile(units: FakeUnits, word: string, { watched, random }: Disturbed): void {
  const isCheck = word.endsWith('-check');
  let failures = random.next() < (isCheck ? 0.8 : 0.15) ? (isCheck ? Infinity : random.pick([1, 1, Infinity])) : 0;
  for (const engine of units.engines.values()) {
    engine.programs.set(word, ({ name, labels }) => {
      const { 'dev.refit.unit-attempt': attempt = '', 'dev.refit.upgrade': upgrade = '' } = labels;
      watched.jobs.push(`${name} ${attempt} ${upgrade}`);
      if (failures === 0) return exits(0);
      failures -= 1;
      return exits(1, `${word} failed by chance`);
    });
  }
}

type Part = { readonly down: () => void; readonly up: () => void };

/** Engines and the balancer go away for a few attempts, and come back. */
class Outages {
  readonly #fleet: FakeFleet;
  readonly #random: Seeded;
  readonly #balancer: Part;
  readonly #engines: readonly Part[];
  #left = OUTAGES;
  #away: { readonly part: Part; attempts: number } | null = null;

  constructor(fleet: FakeFleet, units: FakeUnits, random: Seeded) {
    this.#fleet = fleet;
    this.#random = random;
    this.#balancer = units.balancer;
    this.#engines = [...units.engines.values()];
  }

  pass(name: string, when: 'before' | 'after'): void {
    if (when === 'after') return;
    if (this.#away !== null && --this.#away.attempts <= 0) {
      this.#away.part.up();
      this.#away = null;
      this.#fleet.changed('what was away is back');
    } else if (this.#away === null && this.#left > 0 && !PATIENT.has(name) && this.#random.next() < 0.06) {
      this.#left -= 1;
      const part = this.#random.pick([this.#balancer, ...this.#engines]);
      part.down();
      this.#away = { part, attempts: OUTAGE_ATTEMPTS };
      this.#fleet.changed(`${part === this.#balancer ? 'the balancer' : 'an engine'} goes away before ${name}`);
    }
  }
}
