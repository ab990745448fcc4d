import { describe } from 'vitest';
import { FakeLoadBalancer } from '../fakes/load-balancer.ts';
import { describeLoadBalancer } from './load-balancer-contract.ts';

describe('the load balancer in memory', () => {
  describeLoadBalancer(async () => {
    const balancer = new FakeLoadBalancer('edge').add('web', 'one').add('web', 'two');
    return Promise.resolve({
      balancer,
      backend: 'web',
      servers: ['one', 'two'],
      occupy: async (server) => {
        balancer.change({ backend: 'web', server }, { sessions: 1 });
        const end = async (): Promise<void> =>
          Promise.resolve(balancer.change({ backend: 'web', server }, { sessions: 0 }));
        return Promise.resolve({ end });
      },
      makeHealthy: async (server, healthy) =>
        Promise.resolve(balancer.change({ backend: 'web', server }, { health: healthy ? 'up' : 'down' })),
      down: async () => Promise.resolve(balancer.down()),
      close: async () => Promise.resolve(),
    });
  });
});
