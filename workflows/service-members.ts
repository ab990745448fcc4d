import type { FoundMembers } from '../activities/member-activities.ts';
import { reading } from './proxies.ts';
import type { ServiceRun } from './service-run.ts';

/** All members on all hosts, as they are now. */
export async function findMembers(run: ServiceRun): Promise<FoundMembers> {
  const { fleet, upgrade, service, reference, policy, release } = run.input;
  const summary = `find the members of ${service.name}`;
  const input = { fleet, upgrade, service, mode: policy.mode, reference, release: release?.release ?? null };
  return reading.findMembers.executeWithOptions({ summary }, [input]);
}
