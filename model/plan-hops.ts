import { assert } from './assert.ts';
import type { InstalledRelease } from './bus.ts';
import type { Digest, HostId } from './ids.ts';
import type { Path, PathHop } from './path.ts';
import {
  MAX_HOPS,
  planMigrations,
  planServices,
  planWaves,
  type Hop,
  type PlannedHost,
  type PlannedImage,
  type PlannedStep,
  type Risk,
} from './plan.ts';
import type { InstallStrategy } from './policy.ts';
import type { ReadRelease } from './registry.ts';
import { hostImages, releaseImages, type Release, type ReleaseRef, type Step } from './release.ts';
import type { Versions } from './versions.ts';

/** A host with its way. `isThere`: it is on the target, and nothing else is going on: it is not touched. */
export type HostOnPath = {
  readonly name: HostId;
  readonly installed: InstalledRelease | null;
  readonly isThere: boolean;
  readonly path: Path;
  /** That runs now, and the engine's package and version; absent: not known. */
  readonly kernel?: string;
  readonly engine?: string;
};

/** A release that hosts have to get on their way. */
export type Stop = {
  readonly version: string;
  readonly digest: Digest;
  readonly risks: readonly Risk[];
  /** In the order of upgradeOrder, each with what it is on when the hop begins. */
  readonly hosts: readonly PlannedHost[];
  /** Its services and migrations go too. */
  readonly isWhole: boolean;
};

type Target = Pick<ReleaseRef, 'name' | 'version' | 'digest'>;

/**
 * Every release on any host's path, ascending; the last one is the target, also where nobody needs it. Pure.
 *
 * 1. Each release has the hosts whose path it is on: those that are further join later, and all end together.
 * 2. What hosts share is upgraded and migrated with a release unless a host is beyond it already: then its services may
 *    be too, and would go back. With the target it always is.
 */
export function stopsOnPaths(hosts: readonly HostOnPath[], target: Target, versions: Versions): readonly Stop[] {
  const stops = new Map<Digest, GrowingStop>();
  const last = begun(target);
  for (const host of hosts) {
    let from = host.installed?.version ?? null;
    for (const hop of hopsOf(host, target)) {
      const stop = hop.digest === target.digest ? last : (stops.get(hop.digest) ?? begun(hop));
      if (stop !== last) stops.set(hop.digest, stop);
      stop.hosts.push({ name: host.name, from });
      if (hop.risk !== null) stop.risks.set(hop.risk.name, hop.risk);
      from = hop.version;
    }
  }
  const highest = highestInstalled(hosts, target, versions);
  const isWhole = ({ version }: GrowingStop): boolean => highest === null || versions.compare(highest, version) <= 0;
  const onTheWay = [...stops.values()].sort((a, b) => versions.compare(a.version, b.version));
  return [...onTheWay.map((stop) => finished(stop, isWhole(stop))), finished(last, true)];
}

type GrowingStop = Pick<Stop, 'version' | 'digest'> & {
  readonly risks: Map<string, Risk>;
  readonly hosts: PlannedHost[];
};

const begun = ({ version, digest }: Pick<Stop, 'version' | 'digest'>): GrowingStop => ({
  ...{ version, digest, hosts: [] },
  risks: new Map(),
});

const finished = ({ version, digest, risks, hosts }: GrowingStop, isWhole: boolean): Stop => ({
  ...{ version, digest, hosts, isWhole },
  risks: [...risks.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
});

/** Where no path leads a host stands at the target, so that the plan has it: its finding is what counts. */
export function hopsOf({ path, isThere }: Pick<HostOnPath, 'path' | 'isThere'>, target: Target): readonly PathHop[] {
  if (path.path === 'hops') return path.hops;
  return isThere ? [] : [{ version: target.version, digest: target.digest, risk: null }];
}

function highestInstalled(hosts: readonly HostOnPath[], target: Target, versions: Versions): string | null {
  const installed = new Set(
    hosts.flatMap((host) => (host.installed?.name === target.name ? [host.installed.version] : [])),
  );
  return [...installed].filter((text) => versions.isVersion(text)).sort((a, b) => versions.compare(b, a))[0] ?? null;
}

export type HopsToPlan = {
  readonly hosts: readonly HostOnPath[];
  readonly stops: readonly Stop[];
  /** By digest; a release that could not be read has no hop. The target is always there. */
  readonly releases: ReadonlyMap<Digest, ReadRelease>;
  /** By image, bytes. */
  readonly imageSizes: ReadonlyMap<string, number | null>;
  readonly install: InstallStrategy;
  /** Never two of them at once (carriersOf). */
  readonly carriers: ReadonlySet<HostId>;
};

/** The hops, in the order in which they go: at most MAX_HOPS, the last of all; more than that are a finding. Pure. */
export function planHops({ hosts, stops, releases, imageSizes, install, carriers }: HopsToPlan): readonly Hop[] {
  const there = hosts
    .filter(({ isThere }) => isThere)
    .map(({ name, installed }) => ({ name, from: installed?.version ?? null }));
  const images = (release: Release): readonly PlannedImage[] =>
    hostImages(release).map((image) => ({ image, sizeBytes: imageSizes.get(image) ?? null }));
  const bases = new Map<HostId, HostBase>(hosts.map(({ name, kernel, engine }) => [name, { kernel, engine }]));
  const hops = stops.flatMap((stop): readonly Hop[] => {
    const read = releases.get(stop.digest);
    if (read === undefined) return [];
    const alreadyThere = stop === stops.at(-1) ? there : [];
    const waves = planWaves(withBases(stop.hosts, read.release, bases), install, carriers);
    return [{ ...hopOf(stop, read), images: images(read.release), waves, alreadyThere }];
  });
  assert(hops.length > 0, 'the target was read');
  return hops.slice(-MAX_HOPS);
}

type HostBase = { readonly kernel: string | undefined; readonly engine: string | undefined };

/** Each host with what a step of the release replaces; `bases` go on to what it brings. */
function withBases(
  hosts: readonly PlannedHost[],
  release: Release,
  bases: Map<HostId, HostBase>,
): readonly PlannedHost[] {
  const kernel = release.host.steps.findLast((step) => step.type === 'kernel')?.kernel;
  const engines = release.host.steps.flatMap((step) => (step.type === 'engine' ? step.packages : []));
  if (kernel === undefined && engines.length === 0) return hosts;
  return hosts.map((host) => {
    const base = bases.get(host.name);
    const own = engines.find(({ name }) => base?.engine?.startsWith(`${name} `) === true);
    const engine = own === undefined ? base?.engine : `${own.name} ${own.version}`;
    bases.set(host.name, { kernel: kernel ?? base?.kernel, engine });
    return {
      ...host,
      ...(kernel !== undefined && base?.kernel !== undefined && { kernel: base.kernel }),
      ...(engines.length > 0 && base?.engine !== undefined && { engine: base.engine }),
    };
  });
}

function planStep(step: Step): PlannedStep {
  const { id, type } = step;
  if (step.type === 'kernel') return { id, type, to: { kernel: step.kernel } };
  if (step.type !== 'engine') return { id, type };
  return { id, type, to: { engine: Object.fromEntries(step.packages.map(({ name, version }) => [name, version])) } };
}

function hopOf(
  { risks, isWhole }: Stop,
  { ref, release, sizeBytes }: ReadRelease,
): Omit<Hop, 'images' | 'waves' | 'alreadyThere'> {
  const migrations = isWhole ? planMigrations(release) : [];
  return {
    to: ref.version,
    release: ref,
    risks,
    steps: release.host.steps.map(planStep),
    downloadBytes: sizeBytes,
    services: isWhole ? planServices(release) : [],
    migrations,
    hasBackup: release.backup !== null && migrations.length > 0,
  };
}

/** Images that the hop needs besides the release's own. */
export const imagesOfStop = ({ isWhole }: Stop, release: Release): readonly string[] =>
  isWhole ? releaseImages(release) : hostImages(release);

/**
 * What would be done, as text whose digest names it: the same for the same fleet, whoever plans and whenever. Neither the
 * upgrade's id nor sizes are in it, for they change nothing that is done; nor what hosts have of kernel and engine, which who
 * plans without their agents can't read.
 */
export const planTreeText = (hops: readonly Hop[]): string =>
  JSON.stringify(
    hops.map((hop) => ({
      to: hop.to,
      digest: hop.release.digest,
      risks: hop.risks.map(({ name }) => name),
      steps: hop.steps.map(({ id, type }) => [id, type]),
      images: hop.images.map(({ image }) => image),
      waves: hop.waves.map((wave) => [
        ...[wave.name, wave.maxUnavailable, wave.start, wave.gatekeeper],
        wave.hosts.map(({ name, from }) => [name, from]),
      ]),
      alreadyThere: hop.alreadyThere.map(({ name }) => name),
      services: hop.services.map(({ name, image, strategy, mode }) => [name, image, strategy, mode]),
      migrations: hop.migrations.map(({ name, when, hasDown, isPointOfNoReturn }) => [
        ...[name, when, hasDown, isPointOfNoReturn],
      ]),
      hasBackup: hop.hasBackup,
    })),
  );
