import { error, warning } from './finding.ts';
import { hostFindings } from './host-findings.ts';
import type { Digest } from './ids.ts';
import { MAX_HOPS, MAX_HOST_HOPS } from './plan.ts';
import type { FleetReading } from './preflight.ts';
import type { ReadRelease } from './registry.ts';
import { isForFleet, releaseImages, releaseLabel, type ReleaseRef } from './release.ts';
import type { Finding } from './upgrade.ts';

/** Every finding, fleet's first, then in the hosts' order. Pure. */
export function judgePreflight(reading: FleetReading): readonly Finding[] {
  const releases = new Map<Digest, ReadRelease>(reading.releases.map((read) => [read.ref.digest, read]));
  const { target, policy } = reading;
  return [
    ...fleetFindings(reading),
    ...reading.hosts.flatMap((host) => hostFindings(host, { target, policy, releases })),
  ];
}

function fleetFindings(reading: FleetReading): readonly Finding[] {
  const { fleet, target, etcd, missingImages, hopCount } = reading;
  const { release, ref } = target;
  const findings: Finding[] = missingImages.map(({ image, problem }) => {
    const what = `image ${image} of ${releaseLabel(ownerOf(image, reading))} can't be pulled: ${problem}`;
    return error(null, what, 'push it to that registry');
  });
  findings.push(...reading.chainProblems);
  if (hopCount > MAX_HOPS) {
    const what = `the hosts need ${hopCount} releases on their way, and one upgrade has at most ${MAX_HOPS} hops`;
    findings.push(error(null, what, 'upgrade to an earlier release first, so that those far behind catch up'));
  }
  if (reading.hosts.length * hopCount > MAX_HOST_HOPS) {
    const what = `${reading.hosts.length} hosts over ${hopCount} hops are more than the history of one upgrade holds (${MAX_HOST_HOPS} together)`;
    findings.push(error(null, what, 'upgrade to an earlier release of the chain first'));
  }
  if (!isForFleet(release, fleet)) {
    const what = `${releaseLabel(ref)} is not for fleet ${fleet}: it is for ${release.fleets.join(', ')}`;
    findings.push(error(null, what, 'choose a release for this fleet'));
  }
  if (etcd !== null && etcd.unhealthy.length > 0) findings.push(etcdFinding(etcd));
  return findings;
}

/** The first release on the way that needs the image. */
const ownerOf = (image: string, { releases, target }: FleetReading): ReleaseRef =>
  (releases.find(({ release }) => releaseImages(release).includes(image)) ?? target).ref;

function etcdFinding({ members, unhealthy }: { members: number; unhealthy: readonly string[] }): Finding {
  const what = `${unhealthy.length} of ${members} etcd members are not healthy: ${unhealthy.join(', ')}`;
  const quorum = Math.floor(members / 2) + 1;
  // A host that reboots may take one more member with it.
  return members - unhealthy.length - 1 < quorum
    ? error(null, `${what}; one more and the bus stops`, 'bring the members back first')
    : warning(null, what, 'bring the members back');
}
