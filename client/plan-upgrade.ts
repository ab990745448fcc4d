import { versionJump } from '../drivers/version-jump.ts';
import type { EngineInfo } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import { latestWord } from '../model/latest-word.ts';
import { planServices, planWaves, type Hop, type PlannedHost } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import { isAlreadyThere, judgePreflight, type HostReading } from '../model/preflight.ts';
import type { ReadRelease } from '../model/registry.ts';
import { hostImages, type Release, type ReleaseRef } from '../model/release.ts';
import type { Finding } from '../model/upgrade.ts';
import { readHosts, type HostOnBus } from './bus-view.ts';
import { askEngines } from './host-engines.ts';

/** What an upgrade would do, and what its preflight would say as far as it can be known from outside the hosts. */
export type PlannedUpgrade = {
  readonly fleet: Fleet['fleet'];
  readonly release: ReleaseRef;
  readonly policy: Policy;
  readonly hops: readonly Hop[];
  readonly findings: readonly Finding[];
};

type PlanInput = { readonly fleet: Fleet; readonly read: ReadRelease; readonly policy: Policy };

/** Reads the fleet and plans; starts and changes nothing. Throws Unreachable when etcd doesn't answer. */
export async function planUpgrade(input: PlanInput): Promise<PlannedUpgrade> {
  const [hosts, engines] = await Promise.all([readHosts(input.fleet), askEngines(input.fleet)]);
  return planFromReadings(
    input,
    hosts.map((host, index) => ({ host, engine: engines[index] ?? 'no answer' })),
  );
}

/** The same plan and the same judgement as the upgrade's own. Pure. */
export function planFromReadings(
  { fleet, read, policy }: PlanInput,
  hosts: readonly { readonly host: HostOnBus; readonly engine: EngineInfo | string }[],
): PlannedUpgrade {
  const { ref, release, sizeBytes } = read;
  const readings = hosts.map(({ host, engine }) => hostReading(host, engine, release));
  const isThere = (reading: HostReading): boolean => isAlreadyThere(reading, ref);
  const hop: Hop = {
    to: ref.version,
    steps: release.host.steps.map(({ id, type }) => ({ id, type })),
    downloadBytes: sizeBytes,
    images: hostImages(release),
    waves: planWaves(readings.filter((reading) => !isThere(reading)).map(planned), policy.install),
    alreadyThere: readings.filter(isThere).map(planned),
    services: planServices(release),
  };
  const judged = judgePreflight({
    fleet: fleet.fleet,
    release,
    ref,
    policy,
    downloadBytes: sizeBytes,
    hosts: readings.filter((reading) => reading.facts !== null || reading.engineProblem !== null),
    etcd: null,
    missingImages: [],
  });
  return { fleet: fleet.fleet, release: ref, policy, hops: [hop], findings: [...judged, ...unknownHosts(readings)] };
}

/** A host without an agent is read by a container of the release, which only the upgrade's own preflight starts. */
function unknownHosts(readings: readonly HostReading[]): readonly Finding[] {
  return readings
    .filter((reading) => reading.facts === null && reading.engineProblem === null)
    .map(({ host }) => ({
      host,
      severity: 'warning',
      what: 'has no agent that answers, so that its disk and packages are not known yet',
      remedy: 'nothing to do: the upgrade looks at them before it touches any host',
    }));
}

function hostReading(
  { host, order, report, alive }: HostOnBus,
  engine: EngineInfo | string,
  release: Release,
): HostReading {
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
    jump: versionJump(release, word?.installed ?? null),
  };
}

const planned = ({ host, facts, report }: HostReading): PlannedHost => ({
  name: host,
  from: facts?.installed?.version ?? report?.installed?.version ?? null,
});
