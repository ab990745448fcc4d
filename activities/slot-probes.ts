import { healthOf, type UnitSite } from '../model/unit-site.ts';
import type { UnitPorts } from './open-unit.ts';
import { inParallel } from './parallel.ts';

/** Members that are probed at the same time. */
const MAX_PARALLEL = 16;
/** Longest that a probe is tried in one look; ms. */
const PROBE_MS = 2_000;

/** What a slot's members' own probes say, those of services that have one; null: nothing. */
export async function probeSlot(
  { engine }: Pick<UnitPorts, 'engine'>,
  site: UnitSite,
  signal: AbortSignal,
): Promise<string | null> {
  const probed = site.plan.members.flatMap((member) => {
    const { probe } = healthOf(site, member);
    return member.kind !== 'service' || probe === null ? [] : [{ ...member, probe }];
  });
  const problems = await inParallel(probed, MAX_PARALLEL, async ({ host, container, probe }) => {
    const health = { minHealthyTimeMs: 0, deadlineMs: PROBE_MS, probe };
    const problem = await engine(host).awaitHealth(container, health, signal);
    return problem === null ? null : `${container} on ${host}: ${problem}`;
  });
  return problems.find((problem) => problem !== null) ?? null;
}
