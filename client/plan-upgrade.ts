import { sha256 } from '../drivers/oci/blob.ts';
import { createRegistry } from '../drivers/registry.ts';
import { versions } from '../drivers/versions.ts';
import { judgeChainRelease } from '../model/chain-release.ts';
import { carriersOf, upgradeOrder } from '../model/carried.ts';
import type { EngineInfo } from '../model/engine.ts';
import { warning } from '../model/finding.ts';
import type { Fleet } from '../model/fleet.ts';
import { pathFindings } from '../model/host-findings.ts';
import type { Digest, HostId } from '../model/ids.ts';
import { latestWord } from '../model/latest-word.ts';
import { createPathFinder } from '../model/path.ts';
import type { Hop } from '../model/plan.ts';
import { planHops, planTreeText, stopsOnPaths, type HostOnPath, type Stop } from '../model/plan-hops.ts';
import type { Policy } from '../model/policy.ts';
import { hostOnPath, installedOf, type HostReading, type HostWithPath } from '../model/preflight.ts';
import { judgePreflight } from '../model/preflight-findings.ts';
import { RegistryError, type ReadRelease, type Registry } from '../model/registry.ts';
import { hostImages, imageReference, type ReleaseRef } from '../model/release.ts';
import { planAgents, type PlannedAgents } from '../model/self-upgrade.ts';
import type { Finding } from '../model/upgrade.ts';
import { readHosts, type HostOnBus } from './bus-view.ts';
import { askEngines } from './host-engines.ts';
import { Unreachable } from './unreachable.ts';

/** What an upgrade would do, and what its preflight would say as far as it can be known from outside the hosts. */
export type PlannedUpgrade = {
  readonly fleet: Fleet['fleet'];
  readonly release: ReleaseRef;
  readonly policy: Policy;
  readonly hops: readonly Hop[];
  /** Of what would be done: an upgrade that is started with it does that and nothing else. */
  readonly tree: Digest;
  readonly findings: readonly Finding[];
  /** What goes first of refit itself; absent: nothing. */
  readonly selfUpgrade?: PlannedItself;
};

/** `upgrader`: only Temporal knows whether it is current already, and is not asked. */
export type PlannedItself = {
  readonly upgrader: { readonly image: string; readonly hosts: readonly HostId[] } | null;
  readonly agents: PlannedAgents | null;
};

type PlanInput = { readonly fleet: Fleet; readonly read: ReadRelease; readonly policy: Policy };
/** What is asked of a registry for a plan. */
type PlanRegistry = Pick<Registry, 'readRelease' | 'sizeOf'>;

/** Reads the fleet and plans; starts and changes nothing. Throws Unreachable when etcd or a registry doesn't answer. */
export async function planUpgrade(input: PlanInput): Promise<PlannedUpgrade> {
  const [hosts, engines] = await Promise.all([readHosts(input.fleet), askEngines(input.fleet)]);
  return planFromReadings(
    { ...input, registry: createRegistry(input.fleet.registries) },
    hosts.map((host, index) => ({ host, engine: engines[index] ?? 'no answer' })),
  );
}

/** The same plan and the same judgement as the upgrade's own. */
export async function planFromReadings(
  { fleet, read: target, policy, registry }: PlanInput & { readonly registry: PlanRegistry },
  hosts: readonly { readonly host: HostOnBus; readonly engine: EngineInfo | string }[],
): Promise<PlannedUpgrade> {
  const { ref, release } = target;
  const findPath = createPathFinder({ ...release, digest: ref.digest }, { versions, acceptRisks: policy.acceptRisks });
  const byName = new Map(hosts.map((read) => [read.host.host.name, read]));
  const inOrder = upgradeOrder(hosts.map(({ host }) => host.host)).flatMap(({ name }) => byName.get(name) ?? []);
  const readings = inOrder.map(({ host, engine }) => {
    const reading = hostReading(host, engine);
    return { ...reading, path: findPath(installedOf(reading)) };
  });
  const onPaths = readings.map((reading, index) => ({
    // Where no agent lives the engine knows the kernel, too.
    ...kernelOf(inOrder[index]?.engine),
    ...hostOnPath(reading, ref),
  }));
  const stops = stopsOnPaths(onPaths, ref, versions);
  const chain = await readChain(registry, target, stops);
  const releases = [...chain.releases, target];
  const hops = planHops({
    ...{ hosts: onPaths, stops, install: policy.install, carriers: carriersOf(hosts.map(({ host }) => host.host)) },
    releases: new Map(releases.map((read) => [read.ref.digest, read])),
    imageSizes: await findSizes(registry, releases),
  });
  const judged = judgePreflight({
    ...{ fleet: fleet.fleet, target, policy, releases, hopCount: stops.length, chainProblems: chain.problems },
    ...{ hosts: readings.filter(isKnown), etcd: null, missingImages: [] },
  });
  const findings = [...judged, ...readings.filter((reading) => !isKnown(reading)).flatMap(unknownHost)];
  const selfUpgrade = planItself({ fleet, target, hops: hops.length }, hosts);
  return {
    ...{ fleet: fleet.fleet, release: ref, policy, hops, tree: sha256(planTreeText(hops)), findings },
    ...(selfUpgrade !== null && { selfUpgrade }),
  };
}

const kernelOf = (engine: EngineInfo | string | undefined): Pick<HostOnPath, 'kernel'> =>
  typeof engine === 'object' ? { kernel: engine.kernel } : {};

function planItself(
  { fleet, target, hops }: { readonly fleet: Fleet; readonly target: ReadRelease; readonly hops: number },
  hosts: readonly { readonly host: HostOnBus }[],
): PlannedItself | null {
  const carriers = fleet.hosts.flatMap(({ name, carries }) => (carries.upgrader ? [name] : []));
  const { upgrader } = target.release;
  const agents = planAgents(target.agent, { running: hosts.map(({ host }) => host.alive?.agent ?? null), hops });
  const brought = upgrader === null || carriers.length === 0 ? null : { image: upgrader.image, hosts: carriers };
  return brought === null && agents === null ? null : { upgrader: brought, agents };
}

const isKnown = ({ facts, engineProblem }: HostReading): boolean => facts !== null || engineProblem !== null;

/** A host without an agent is read by a container of the release, which only the upgrade's own preflight starts. */
function unknownHost(reading: HostWithPath): readonly Finding[] {
  const what = 'has no agent that answers, so that its disk and packages are not known yet';
  const remedy = 'nothing to do: the upgrade looks at them before it touches any host';
  return [...pathFindings(reading), warning(reading.host, what, remedy)];
}

/** Releases on the hosts' paths, but the target; one that is gone, or another than the chain says, is a finding. */
async function readChain(
  registry: PlanRegistry,
  { ref, release }: ReadRelease,
  stops: readonly Stop[],
): Promise<{ readonly releases: readonly ReadRelease[]; readonly problems: readonly Finding[] }> {
  const releases: ReadRelease[] = [];
  const problems: Finding[] = [];
  for (const entry of release.chain.filter(({ digest }) => stops.some((stop) => stop.digest === digest))) {
    const found = await readOne(registry, imageReference({ ...ref, digest: entry.digest }));
    const problem = judgeChainRelease(entry, ref, found);
    if (problem !== null) problems.push(problem);
    else if (!(found instanceof RegistryError)) releases.push(found);
  }
  return { releases, problems };
}

async function readOne(registry: PlanRegistry, reference: string): Promise<ReadRelease | RegistryError> {
  try {
    return await registry.readRelease(reference);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (error.kind === 'unreachable') throw new Unreachable(`${error.message}; nothing was changed`, { cause: error });
    return error;
  }
}

/** By image, bytes; null where its registry does not say: no plan fails for a number that people read. */
async function findSizes(
  registry: PlanRegistry,
  releases: readonly ReadRelease[],
): Promise<ReadonlyMap<string, number | null>> {
  const sizes = new Map<string, number | null>();
  for (const image of new Set(releases.flatMap(({ release }) => hostImages(release)))) {
    const size = registry.sizeOf(image).catch((error: unknown) => {
      if (error instanceof RegistryError) return null;
      throw error;
    });
    sizes.set(image, await size);
  }
  return sizes;
}

function hostReading({ host, order, report, alive }: HostOnBus, engine: EngineInfo | string): HostReading {
  const word = latestWord(report, alive);
  return {
    host: host.name,
    engineProblem: typeof engine === 'string' ? engine : null,
    facts: alive === null || word === null ? null : { ...alive.facts, installed: word.installed, phase: word.phase },
    factsProblem: null,
    // The bus keeps what the clock said when the agent last wrote, which is no measure of it now.
    clockSkewMs: 0,
    order,
    report,
    busProblems: [],
  };
}
