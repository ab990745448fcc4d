import { createHash } from 'node:crypto';
import { busKeys } from '../model/bus.ts';
import {
  isName,
  parseDigest,
  parseUpgradeId,
  upgradeOfHop,
  type Digest,
  type FleetId,
  type UpgradeId,
} from '../model/ids.ts';
import { MAX_HOPS, MAX_WAVE_HOSTS, type HopPlan, type PlannedHost } from '../model/plan.ts';
import type { BusEntry } from '../model/ports.ts';
import type { Activities } from './activities.ts';
import { wrongInput } from './failure.ts';
import type { Ports } from './ports.ts';

/** Characters of a plan in one value. Host names are ASCII, so these are bytes; etcd takes 1.5 MB at once, small is quick. */
const PAGE_LENGTH = 48 * 1024;
/** Hops that this worker remembers: all of a running upgrade, and some of one that is read beside it. */
const MAX_REMEMBERED = MAX_HOPS + 4;
/** How often a page whose write got no answer is tried again. */
const MAX_ATTEMPTS = 5;
const PAUSE_MS = 50;
/** Upgrades whose plan and chain stay on the bus; an upgrade's own, and some to look at afterwards. */
const MAX_KEPT_UPGRADES = 5;
/** Keys that one transaction removes; etcd takes 128. */
const MAX_DELETES = 100;

type PlanPlace = { readonly fleet: FleetId; readonly upgrade: UpgradeId; readonly planDigest: Digest };

/** Each hop's part of a plan lies on the bus in pages, named by its digest: a workflow carries the name only. */
export class PlanStore {
  readonly #ports: Pick<Ports, 'bus' | 'clock'>;
  readonly #remembered = new Map<Digest, HopPlan>();

  constructor(ports: Pick<Ports, 'bus' | 'clock'>) {
    this.#ports = ports;
  }

  /** All hops of one upgrade. Idempotent: the same plan has the same keys and the same values. */
  async save(plans: readonly HopPlan[]): Promise<readonly Digest[]> {
    const digests: Digest[] = [];
    for (const plan of plans) digests.push(await this.#saveHop(plan));
    const [first] = plans;
    if (first !== undefined) await this.#prune(first);
    return digests;
  }

  async load(place: PlanPlace): Promise<HopPlan> {
    const remembered = this.#remembered.get(place.planDigest);
    if (remembered !== undefined) return remembered;
    const pages = await this.#ports.bus.list(busKeys(place.fleet).plan(place.upgrade, place.planDigest));
    const text = pages.map(({ value }) => value).join('');
    const found = digestOf(text);
    if (found !== place.planDigest) {
      const what = pages.length === 0 ? 'is not on the bus' : `reads as ${found} in ${pages.length} pages`;
      throw wrongInput(
        `plan ${place.planDigest} of ${place.upgrade} ${what}: etcd was wiped or restored; start it again`,
      );
    }
    const plan = parsePlan(text);
    this.#remember(found, plan);
    return plan;
  }

  async #saveHop(plan: HopPlan): Promise<Digest> {
    const text = JSON.stringify(plan);
    const digest = digestOf(text);
    const keys = busKeys(plan.fleet);
    for (let page = 0; page * PAGE_LENGTH < text.length; page++) {
      const value = text.slice(page * PAGE_LENGTH, (page + 1) * PAGE_LENGTH);
      await this.#savePage(keys.planPage(plan.upgrade, digest, page), value);
    }
    this.#remember(digest, plan);
    return digest;
  }

  async #savePage(key: string, value: string): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const entry = await this.#ports.bus.read(key);
      if (entry?.value === value) return;
      const conditions = [{ key, revision: entry?.revision ?? null }];
      const result = await this.#ports.bus.write({ conditions, puts: [{ key, value }] });
      if (result.outcome === 'ok') return;
      await this.#ports.clock.sleep(PAUSE_MS * attempt);
    }
    throw new Error(`could not write ${key} in ${MAX_ATTEMPTS} attempts`);
  }

  /** Nothing depends on it: what was not removed now is removed by the next upgrade. */
  async #prune({ fleet, upgrade }: HopPlan): Promise<void> {
    const keys = busKeys(fleet);
    for (const old of staleUpgrades(await this.#ports.bus.list(keys.plans), keys.plans)) {
      if (upgradeOfHop(old) === upgradeOfHop(upgrade)) continue;
      const id = parseUpgradeId(old);
      const prefixes = [`${keys.plans}${old}/`, keys.upgrade(id), keys.batonOf(id)];
      const entries = prefixes.map(async (prefix) => this.#ports.bus.list(prefix));
      const deletes = (await Promise.all(entries)).flat().map(({ key }) => key);
      for (let first = 0; first < deletes.length; first += MAX_DELETES) {
        const batch = deletes.slice(first, first + MAX_DELETES);
        await this.#ports.bus.write({ conditions: [], puts: [], deletes: batch });
      }
    }
  }

  #remember(digest: Digest, plan: HopPlan): void {
    this.#remembered.delete(digest);
    this.#remembered.set(digest, plan);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }
}

/** Idempotent: reads. */
export function createLoadWave(plans: PlanStore): Activities['loadWave'] {
  return async (input) => {
    const hosts = hostsOf(await plans.load(input), input.wave);
    // A workflow asks for neither kernel nor engine, and with them a page would be near a payload's bound.
    const page = hosts.slice(input.offset, input.offset + MAX_WAVE_HOSTS).map(({ name, from }) => ({ name, from }));
    return { hosts: page, total: hosts.length };
  };
}

/** null: the hosts that are there already. */
export function hostsOf({ upgrade, hop }: HopPlan, wave: string | null): readonly PlannedHost[] {
  if (wave === null) return hop.alreadyThere;
  const found = hop.waves.find(({ name }) => name === wave);
  if (found === undefined) throw wrongInput(`the plan of ${upgrade} has no wave "${wave}"`);
  return found.hosts;
}

/** Every hop of upgrades but the latest, by when their plan was last written. */
function staleUpgrades(entries: readonly BusEntry[], prefix: string): readonly string[] {
  const latest = new Map<string, { revision: bigint; readonly hops: Set<string> }>();
  for (const { key, revision } of entries) {
    const hop = key.slice(prefix.length).split('/')[0] ?? '';
    const upgrade = latest.get(upgradeOfHop(hop)) ?? { revision: 0n, hops: new Set<string>() };
    latest.set(upgradeOfHop(hop), upgrade);
    upgrade.hops.add(hop);
    if (BigInt(revision) > upgrade.revision) upgrade.revision = BigInt(revision);
  }
  const newestFirst = [...latest.values()].sort((a, b) => (a.revision > b.revision ? -1 : 1));
  return newestFirst.slice(MAX_KEPT_UPGRADES).flatMap(({ hops }) => [...hops].filter(isName));
}

const digestOf = (text: string): Digest => parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`);

/** Its digest was checked: what is read is what `save` wrote. */
const parsePlan = (text: string): HopPlan => JSON.parse(text) as HopPlan;
