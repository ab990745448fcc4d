import { describe } from 'vitest';
import { FakeLoadBalancer } from '../fakes/load-balancer.ts';
import { describeLoadBalancer } from './load-balancer-contract.ts';

describe('the load balancer in memory', () => {
  describeLoadBalancer(async () => {
    const backend = 'web';
    const balancer = new FakeLoadBalancer('edge').add(backend, 'one').add(backend, 'two');
    const soon = async (work: () => void): Promise<void> => Promise.resolve().then(work);
    return Promise.resolve({
      balancer,
      backend,
      servers: ['one', 'two'],
      occupy: async (server) => {
        await soon(() => balancer.change({ backend, server }, { sessions: 1 }));
        return { end: async () => soon(() => balancer.change({ backend, server }, { sessions: 0 })) };
      },
      makeHealthy: async (server, healthy) =>
        soon(() => balancer.change({ backend, server }, { health: healthy ? 'up' : 'down' })),
      down: async () => soon(() => balancer.down()),
      close: async () => Promise.resolve(),
    });
  });
});
