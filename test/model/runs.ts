import fc from 'fast-check';
import { parseHostId, type HostId } from '../../model/ids.ts';
import type { PlannedHost } from '../../model/plan.ts';
import type { Amount, InstallStrategy } from '../../model/policy.ts';

/** Cases a property is tried with; fast-check prints the seed and the smallest case of one that fails. */
export const RUNS = { numRuns: 1_000 };

export const hostNames = (count: number): readonly HostId[] =>
  Array.from({ length: count }, (_, index) => parseHostId(`host-${index + 1}`));

export const plannedHosts = (count: number): readonly PlannedHost[] =>
  hostNames(count).map((name) => ({ name, from: '1.0.0' }));

export const amounts: fc.Arbitrary<Amount> = fc.oneof(
  fc.record({ hosts: fc.nat({ max: 50 }) }),
  fc.record({ percent: fc.nat({ max: 100 }) }),
);

export const strategies: fc.Arbitrary<InstallStrategy> = fc.oneof(
  fc.constant({ strategy: 'serial' as const }),
  fc.constant({ strategy: 'daisy-chain' as const }),
  fc.record({
    strategy: fc.constant('waves' as const),
    sizes: fc.array(amounts, { minLength: 1, maxLength: 5 }),
    maxUnavailable: fc.option(amounts),
  }),
);
