import fc from 'fast-check';
import { expect, test } from 'vitest';
import { carriersOf, upgradeOrder } from '../../model/carried.ts';
import type { Carried } from '../../model/fleet.ts';
import { parseHostId } from '../../model/ids.ts';
import { planWaves } from '../../model/plan.ts';
import { RUNS, strategies } from './runs.ts';

const nothing: Carried = { etcd: null, upgrader: false, temporal: false };
const host = (
  name: string,
  carries: Partial<Carried> = {},
): { name: ReturnType<typeof parseHostId>; carries: Carried } => ({
  name: parseHostId(name),
  carries: { ...nothing, ...carries },
});
const carried = fc.record({
  etcd: fc.option(fc.constant('http://host:2379')),
  upgrader: fc.boolean(),
  temporal: fc.boolean(),
});
const fleets = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constant(nothing) }, { weight: 1, arbitrary: carried }), {
    maxLength: 120,
  })
  .map((all) => all.map((carries, index) => host(`host-${index + 1}`, carries)));

test('hosts that carry refit’s own infrastructure go last, Temporal’s at the very end', () => {
  const hosts = [
    host('a', { temporal: true, etcd: 'http://a:2379' }),
    host('b', { etcd: 'http://b:2379' }),
    host('c'),
    host('d', { upgrader: true }),
    host('e'),
  ];

  expect(upgradeOrder(hosts).map(({ name }) => name)).toEqual(['c', 'e', 'b', 'd', 'a']);
});

test('whatever the strategy, no two hosts that carry something are out of service at once', () => {
  fc.assert(
    fc.property(fleets, strategies, (fleet, install) => {
      const carriers = carriersOf(fleet);
      const hosts = upgradeOrder(fleet).map(({ name }) => ({ name, from: null }));

      const waves = planWaves(hosts, install, carriers);

      expect(waves.flatMap((wave) => wave.hosts)).toEqual(hosts);
      for (const wave of waves.filter(({ maxUnavailable }) => maxUnavailable > 1)) {
        expect(wave.hosts.filter(({ name }) => carriers.has(name)).length).toBeLessThanOrEqual(1);
      }
    }),
    RUNS,
  );
});

test('a fleet that carries nothing is planned as it always was', () => {
  fc.assert(
    fc.property(fc.nat({ max: 200 }), strategies, (count, install) => {
      const fleet = Array.from({ length: count }, (_, index) => host(`host-${index + 1}`));
      const hosts = fleet.map(({ name }) => ({ name, from: null }));

      expect(upgradeOrder(fleet)).toEqual(fleet);
      expect(planWaves(hosts, install, carriersOf(fleet))).toEqual(planWaves(hosts, install));
    }),
    RUNS,
  );
});
