import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { HostServers } from '../activities/traffic-activities.ts';
import type { HostOutcome } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { placeName, type ServerPlace } from '../model/load-balancer.ts';
import type { Finding, Waiting } from '../model/upgrade.ts';
import { onHost } from './proxies.ts';
import type { LeftDrained, WaveInput } from './wave-input.ts';

/** Longest wait for requests that the members of a host are at work on; ms. They are short, or the upgrade would stand still for them. */
const DRAIN_MS = 10_000;
/** Longest wait for a host's members to be healthy again; ms. Then the next host goes all the same, and it is said. */
const ADMIT_MS = 30_000;
/** Longest error of an outcome, and servers that it names; more would hide what it says. */
const MAX_ERROR_LENGTH = 400;
const MAX_NAMED = 3;

export type TrafficStage = 'draining' | 'ordered' | 'admitting';
type HostWork = {
  readonly input: WaveInput;
  readonly host: HostId;
  readonly enter: (stage: TrafficStage) => void;
  readonly traffic: WaveTraffic;
};

/** What a wave's parent has to know of its hosts' traffic. */
export class WaveTraffic {
  readonly findings: Finding[] = [];
  readonly leftDrained: LeftDrained[] = [];
}

/**
 * Takes the host's members out of traffic while it is worked on.
 *
 * 1. Which servers it is about is in the history before any of them is changed: no loss of a worker forgets one.
 * 2. They are put back after the host's end, whatever ends the wave meanwhile. A host that is lost or stuck keeps them drained.
 * 3. What an earlier wave left drained on this host is put back as well, once the host is well.
 */
export async function outOfTraffic(work: HostWork, order: () => Promise<HostOutcome>): Promise<HostOutcome> {
  const { input, host, traffic, enter } = work;
  enter('draining');
  const found = await find(work);
  traffic.findings.push(...found.findings);
  const before = input.leftDrained.find((left) => left.host === host)?.servers ?? [];
  const servers = union(found.servers, before);
  if (servers.length === 0) {
    enter('ordered');
    return order();
  }
  let outcome: HostOutcome | null = null;
  const scope = CancellationScope.current();
  try {
    await CancellationScope.nonCancellable(async () => drain(work, servers));
    if (scope.consideredCancelled) throw new CancelledFailure(`cancelled before ${host} was ordered`);
    enter('ordered');
    // The host goes on whatever becomes of the wave: its members wait for its end.
    outcome = await CancellationScope.nonCancellable(order);
  } finally {
    if (outcome !== null && isLost(outcome)) traffic.leftDrained.push({ host, servers });
    else await CancellationScope.nonCancellable(async () => admit(work, servers));
  }
  return isLost(outcome) ? { ...outcome, error: withDrained(outcome.error, servers) } : outcome;
}

/** What the wave waits for, in the operator's words. */
export function trafficWait(stage: Exclude<TrafficStage, 'ordered'>, host: HostId, since: number): Waiting {
  const movedOnBy = 'the load balancer, or its time';
  return stage === 'draining'
    ? { what: `${host}'s members to finish their requests`, host, since, until: null, movedOnBy }
    : { what: `${host}'s members to be healthy at the load balancer`, host, since, until: null, movedOnBy };
}

/** Its members may be half upgraded, or gone. */
const isLost = ({ state }: HostOutcome): boolean => state === 'lost' || state === 'stuck';

async function find({ input, host }: HostWork): Promise<HostServers> {
  const { fleet, upgrade } = input;
  const summary = `find ${host}'s members in traffic`;
  return onHost.findHostServers.executeWithOptions({ summary }, [{ fleet, upgrade, host }]);
}

async function drain({ input, host, traffic }: HostWork, servers: readonly ServerPlace[]): Promise<void> {
  const { fleet, upgrade } = input;
  const steered = { fleet, upgrade, host, servers, waitMs: DRAIN_MS };
  const summary = `drain ${host}'s members`;
  const { findings } = await onHost.drainHost.executeWithOptions({ summary }, [steered]);
  traffic.findings.push(...findings);
}

async function admit({ input, host, traffic, enter }: HostWork, servers: readonly ServerPlace[]): Promise<void> {
  const { fleet, upgrade } = input;
  enter('admitting');
  const steered = { fleet, upgrade, host, servers, waitMs: ADMIT_MS };
  const summary = `put ${host}'s members back into traffic`;
  const left = await onHost.admitHost.executeWithOptions({ summary }, [steered]);
  traffic.findings.push(...left.findings);
  if (left.servers.length > 0) traffic.leftDrained.push({ host, servers: left.servers });
}

function union(found: readonly ServerPlace[], before: readonly ServerPlace[]): readonly ServerPlace[] {
  const names = new Set(found.map(placeName));
  return [...found, ...before.filter((place) => !names.has(placeName(place)))];
}

/** Whoever mends the host has to know: nobody else puts them back. */
function withDrained(error: string | null, servers: readonly ServerPlace[]): string {
  const named = servers.slice(0, MAX_NAMED).map(placeName);
  const more = servers.length > MAX_NAMED ? [`${servers.length - MAX_NAMED} more`] : [];
  const drained = `left drained: ${[...named, ...more].join(', ')}`;
  const room = Math.max(0, MAX_ERROR_LENGTH - drained.length - '; '.length);
  return `${drained}; ${(error ?? '').slice(0, room)}`;
}
