import { describe } from 'vitest';
import { parseUnitId } from '../../model/ids.ts';
import type { BalancedUnit } from '../../model/slot-balancer.ts';
import { slots } from '../../model/unit.ts';
import { FakeSlotBalancer } from '../fakes/slot-balancer.ts';
import { api, describeSlotBalancer, web } from './slot-balancer-contract.ts';

const named = (name: string): BalancedUnit => ({
  unit: parseUnitId(name),
  balancer: { type: 'haproxy', loadBalancer: 'edge', map: '/shop.map', mapFile: '/shop.map', frontends: [] },
});

describe('the balancer of units in memory', () => {
  describeSlotBalancer(async () => {
    const unit = named('shop');
    const place = { unit: unit.unit };
    const balancer = new FakeSlotBalancer('edge');
    slots.forEach((slot, index) => {
      balancer.add({ ...place, slot }, { name: 'web-1', service: web, address: `10.0.0.${index}:8080` });
      balancer.add({ ...place, slot }, { name: 'api-1', service: api, address: `10.0.0.${index}:8081` });
    });
    const soon = async (work: () => void): Promise<void> => Promise.resolve().then(work);
    return Promise.resolve({
      balancer,
      unit,
      unknown: named('nowhere'),
      ask: async () => {
        const slot = await balancer.active(unit);
        if (slot === 'unset' || slot === 'mixed') throw new Error(`nobody says where requests go: ${slot}`);
        balancer.answer({ ...place, slot }, { requests: 1, errors: 0 });
        return slot;
      },
      makeHealthy: async (slot, healthy) =>
        soon(() => {
          const health = healthy ? 'up' : 'down';
          for (const name of ['web-1', 'api-1']) balancer.change({ ...place, slot }, name, { health });
        }),
      confuse: async () => soon(() => balancer.setActive(unit.unit, 'mixed')),
      restart: async () => soon(() => balancer.restart()),
      down: async () => soon(() => balancer.down()),
      close: async () => Promise.resolve(),
    });
  });
});
