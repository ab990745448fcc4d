import { assert } from './assert.ts';
import type { FleetId, HostId, UpgradeId } from './ids.ts';
import { countOf, type InstallStrategy, type Policy } from './policy.ts';
import { isPointOfNoReturn, type Migration } from './migration.ts';
import { orderedServices, type Release, type ReleaseRef, type ServiceRelease, type StepType } from './release.ts';

/** The whole tree, made before anything runs. What runs is exactly it. */
export type Plan = {
  readonly upgrade: UpgradeId;
  readonly fleet: FleetId;
  /** Where the last hop ends. */
  readonly release: ReleaseRef;
  /** At least one, in the order in which they go. */
  readonly hops: readonly Hop[];
};

export type Hop = {
  readonly to: string;
  readonly release: ReleaseRef;
  /** Named risks that the operator accepted for it. */
  readonly risks: readonly Risk[];
  readonly steps: readonly PlannedStep[];
  /** Bytes to download per host, as the registry counts them (compressed). */
  readonly downloadBytes: number;
  /** Images that hosts pull besides the release. */
  readonly images: readonly PlannedImage[];
  readonly waves: readonly Wave[];
  /** Hosts that are on the release already: verified, not touched. */
  readonly alreadyThere: readonly PlannedHost[];
  /** In the order in which they go, once all hosts are upgraded. */
  readonly services: readonly PlannedService[];
  /** In the order in which they go: expand before the services, contract after them. */
  readonly migrations: readonly PlannedMigration[];
  /** A backup is made before the first migration. */
  readonly hasBackup: boolean;
};

/** `to`: of a kernel step the kernel, of an engine step its packages' versions by name; other types, and plans of before there were any, have none. */
export type PlannedStep = {
  readonly id: string;
  readonly type: StepType;
  readonly to?: { readonly kernel: string } | { readonly engine: Readonly<Record<string, string>> };
};

export type Risk = { readonly name: string; readonly reason: string };
/** null: the registry did not say. */
export type PlannedImage = { readonly image: string; readonly sizeBytes: number | null };
export type PlannedMigration = Pick<Migration, 'name' | 'when'> & {
  readonly hasDown: boolean;
  readonly isPointOfNoReturn: boolean;
};

/** One hop's part of a plan, as it lies on the bus. */
export type HopPlan = Pick<Plan, 'upgrade' | 'fleet'> & { readonly hop: Hop };

/** Most hops of one upgrade; agents keep what as many of them need for the way back. */
export const MAX_HOPS = 16;
/** Most hosts times hops of one upgrade: its history has some 20 events a wave of MAX_WAVE_HOSTS and hop, of the 51,200 that Temporal takes; agents that go first have some 15 a wave (self-upgrade.ts). */
export const MAX_HOST_HOPS = 100_000;

export type PlannedService = Pick<
  ServiceRelease,
  'name' | 'image' | 'strategy' | 'mode' | 'compatible' | 'infrastructure'
>;

export type Wave = {
  readonly name: string;
  /** How many of the wave's hosts may be out of service at once. */
  readonly maxUnavailable: number;
  /** baton: agents hand the turn on among themselves. */
  readonly start: 'now' | 'baton';
  readonly gatekeeper: boolean;
  readonly hosts: readonly PlannedHost[];
};

/** `kernel`, `engine`: what the host has now of what a step of the hop changes (engine: package and version); absent: no step does, or it can't be read. */
export type PlannedHost = {
  readonly name: HostId;
  readonly from: string | null;
  readonly kernel?: string;
  readonly engine?: string;
};

/** Most hosts of one wave: its child workflow's input and result stay under 16 kB; a larger wave is cut. */
export const MAX_WAVE_HOSTS = 64;

/**
 * Cuts the fleet into waves. Pure: the same input gives the same waves.
 *
 * 1. Hosts keep the order in which they are given (upgradeOrder); the first is the gatekeeper.
 * 2. Serial is one wave with one host out of service at a time; a daisy chain is one wave that holds the baton.
 * 3. Wave sizes go on with the last one until every host has its wave; a share is of the hosts to upgrade.
 * 4. A serial or parallel wave beyond MAX_WAVE_HOSTS is cut, so that a child workflow stays small.
 * 5. A parallel wave has at most one of the hosts that carry refit's own infrastructure (carriersOf).
 */
export function planWaves(
  hosts: readonly PlannedHost[],
  install: InstallStrategy,
  carriers: ReadonlySet<HostId> = new Set(),
): readonly Wave[] {
  assert(new Set(hosts.map((host) => host.name)).size === hosts.length, 'a host stands once in a plan');
  if (hosts.length === 0) return [];
  switch (install.strategy) {
    case 'serial':
      return cut(hosts, MAX_WAVE_HOSTS).map((part, index) => ({ ...serialWave(part, index), gatekeeper: index === 0 }));
    case 'daisy-chain':
      return [{ name: 'chain', maxUnavailable: 1, start: 'baton', gatekeeper: true, hosts }];
    case 'waves':
      return parallelWaves(hosts, install, carriers);
  }
}

/** A wave without its hosts. */
export type WaveSummary = Omit<Wave, 'hosts'> & { readonly hosts: number };

/** `count` waves that differ by their number only; the name is the first one's. */
export type WaveRun = WaveSummary & { readonly count: number };

/** The waves of a plan, short enough for a payload however many they are: sizes go on with the last one. */
export function packWaves(waves: readonly Wave[]): readonly WaveRun[] {
  const runs: WaveRun[] = [];
  for (const { hosts, ...rest } of waves) {
    const wave = { ...rest, hosts: hosts.length };
    const last = runs.at(-1);
    if (last !== undefined && isSameWave(nthWave(last, last.count), wave)) {
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    } else {
      runs.push({ ...wave, count: 1 });
    }
  }
  return runs;
}

export const unpackWaves = (runs: readonly WaveRun[]): readonly WaveSummary[] =>
  runs.flatMap((run) => Array.from({ length: run.count }, (_, index) => nthWave(run, index)));

export const planServices = (release: Pick<Release, 'services'>): readonly PlannedService[] =>
  orderedServices(release).map(({ name, image, strategy, mode, compatible, infrastructure }) => ({
    name,
    image,
    strategy,
    mode,
    compatible,
    infrastructure,
  }));

export const planMigrations = ({ migrations }: Pick<Release, 'migrations'>): readonly PlannedMigration[] =>
  (['expand', 'contract'] as const)
    .flatMap((when) => migrations.filter((migration) => migration.when === when))
    .map((migration) => ({
      name: migration.name,
      when: migration.when,
      hasDown: migration.down !== null,
      isPointOfNoReturn: isPointOfNoReturn(migration),
    }));

/** Every host of the hop, in the order in which they go. */
export const plannedHosts = ({ waves, alreadyThere }: Pick<Hop, 'waves' | 'alreadyThere'>): readonly PlannedHost[] => [
  ...waves.flatMap((wave) => wave.hosts),
  ...alreadyThere,
];

export const policyStrategy = (policy: Policy): string => policy.install.strategy;

/** `wave-2` and 3 more: `wave-5`. */
function nthWave({ count: _, ...wave }: WaveRun, index: number): WaveSummary {
  return { ...wave, name: wave.name.replace(/\d+$/, (number) => `${Number(number) + index}`) };
}

const isSameWave = (a: WaveSummary, b: WaveSummary): boolean =>
  a.name === b.name &&
  a.hosts === b.hosts &&
  a.maxUnavailable === b.maxUnavailable &&
  a.start === b.start &&
  a.gatekeeper === b.gatekeeper;

function serialWave(hosts: readonly PlannedHost[], index: number): Omit<Wave, 'gatekeeper'> {
  return { name: `serial-${index + 1}`, maxUnavailable: 1, start: 'now', hosts };
}

function parallelWaves(
  hosts: readonly PlannedHost[],
  install: Extract<InstallStrategy, { strategy: 'waves' }>,
  carriers: ReadonlySet<HostId>,
): readonly Wave[] {
  const waves: Wave[] = [];
  let next = 0;
  while (next < hosts.length) {
    const size = install.sizes[Math.min(waves.length, install.sizes.length - 1)] ?? { hosts: 1 };
    const count = Math.min(Math.max(1, countOf(size, hosts.length)), MAX_WAVE_HOSTS);
    const part = upToSecond(hosts.slice(next, next + count), ({ name }) => carriers.has(name));
    const most = install.maxUnavailable === null ? part.length : countOf(install.maxUnavailable, hosts.length);
    waves.push({
      name: `wave-${waves.length + 1}`,
      maxUnavailable: Math.max(1, Math.min(most, part.length)),
      start: 'now',
      gatekeeper: waves.length === 0,
      hosts: part,
    });
    next += part.length;
  }
  return waves;
}

/** All before the second that matches. */
function upToSecond<Item>(items: readonly Item[], matches: (item: Item) => boolean): readonly Item[] {
  const second = items.findIndex((item, index) => matches(item) && items.findIndex(matches) < index);
  return second === -1 ? items : items.slice(0, second);
}

function cut<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
