import { latestWord } from '../model/latest-word.ts';
import type { HostId } from '../model/ids.ts';
import { releaseLabel, type ReleaseRef } from '../model/release.ts';
import type { Finding } from '../model/upgrade.ts';
import { plannedHosts } from '../model/plan.ts';
import type { Activities } from './activities.ts';
import { boundFindings } from './findings.ts';
import { readFleetLevels, type HostLevel } from './host-levels.ts';
import type { PlanStore } from './plan-store.ts';
import type { Ports } from './ports.ts';

/** Idempotent: reads. The agents measured at their installs' end, and carry what they measured since. */
export function createVerifyFleet(
  ports: Pick<Ports, 'bus' | 'values'> & { readonly plans: PlanStore },
): Activities['verifyFleet'] {
  return async (input) => {
    const { hop } = await ports.plans.load(input);
    const hosts = plannedHosts(hop).map(({ name }) => name);
    const levels = await readFleetLevels(ports, input.fleet, hosts);
    const findings = hosts.flatMap((host) => verify(host, levels.get(host) ?? null, input.release));
    return {
      measured: hosts.length - findings.length,
      elsewhere: boundFindings(findings, releaseLabel(input.release)),
    };
  };
}

function verify(host: HostId, level: HostLevel | null, release: ReleaseRef): readonly Finding[] {
  const installed = level === null ? null : (latestWord(level.report, level.alive)?.installed ?? null);
  if (installed?.digest === release.digest) return [];
  const label = releaseLabel(release);
  const what =
    installed === null ? `no report tells what it is on` : `is on ${releaseLabel(installed)}, not on ${label}`;
  return [{ host, severity: 'error', what, remedy: `upgrade again: only hosts that are not on ${label} are touched` }];
}
