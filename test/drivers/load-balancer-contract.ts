import { afterEach, expect, test } from 'vitest';
import type { BalancedServer, LoadBalancer } from '../../model/load-balancer.ts';
import { eventually } from '../eventually.ts';

/** A balancer with one backend, as the contract needs it: a new one, or one that is as new, for each test. */
export type TestedBalancer = {
  readonly balancer: LoadBalancer;
  readonly backend: string;
  /** Two of its servers, which are checked and healthy. */
  readonly servers: readonly [first: string, second: string];
  /** A request that is at work on this server, which must be ready, until `end` is called. */
  readonly occupy: (server: string) => Promise<{ readonly end: () => Promise<void> }>;
  /** From now on the server's own check fails, or passes again. */
  readonly makeHealthy: (server: string, healthy: boolean) => Promise<void>;
  /** Nothing answers at its address any more. */
  readonly down: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** What every load balancer keeps to; run against the real HAProxy and the one in memory, so that the fake stays honest. */
export function describeLoadBalancer(open: () => Promise<TestedBalancer>): void {
  const opened: TestedBalancer[] = [];
  afterEach(async () => {
    for (const tested of opened.splice(0)) await tested.close();
  });
  const start = async (): Promise<TestedBalancer> => {
    const tested = await open();
    opened.push(tested);
    return tested;
  };

  test('lists its servers, ready and healthy, with nothing to do', async () => {
    const { balancer, backend, servers } = await start();

    const found = await balancer.servers(backend);

    for (const name of servers) {
      expect(found.find((server) => server.name === name)).toMatchObject({ state: 'ready', health: 'up', sessions: 0 });
    }
  });

  test.each(['drain', 'maintenance', 'ready'] as const)(
    'a server that is set to %s is so, once or twice',
    async (to) => {
      const { balancer, backend, servers } = await start();
      const [server, other] = servers;

      await balancer.setState({ backend, server }, to);
      await balancer.setState({ backend, server }, to);

      expect(await read(balancer, backend, server)).toMatchObject({ state: to });
      expect(await read(balancer, backend, other)).toMatchObject({ state: 'ready' });
    },
  );

  test.each(['drain', 'maintenance'] as const)('a server comes back from %s and is healthy again', async (from) => {
    const { balancer, backend, servers } = await start();
    const [server] = servers;
    await balancer.setState({ backend, server }, from);

    await balancer.setState({ backend, server }, 'ready');

    expect(await read(balancer, backend, server)).toMatchObject({ state: 'ready' });
    await eventually(async () => expect(await read(balancer, backend, server)).toMatchObject({ health: 'up' }));
  });

  test('a server goes from drain to maintenance and back to drain', async () => {
    const { balancer, backend, servers } = await start();
    const [server] = servers;
    for (const state of ['drain', 'maintenance', 'drain'] as const) {
      await balancer.setState({ backend, server }, state);

      expect(await read(balancer, backend, server)).toMatchObject({ state });
    }
  });

  test('a drained server keeps the request that it is at work on, until that ends', async () => {
    const { balancer, backend, servers, occupy } = await start();
    const [server] = servers;
    const request = await occupy(server);
    await eventually(async () => expect(await read(balancer, backend, server)).toMatchObject({ sessions: 1 }));

    await balancer.setState({ backend, server }, 'drain');
    expect(await read(balancer, backend, server)).toMatchObject({ state: 'drain', sessions: 1 });
    await request.end();

    await eventually(async () => expect(await read(balancer, backend, server)).toMatchObject({ sessions: 0 }));
  });

  test('a server whose check fails is down, and up when it passes again; its state is left alone', async () => {
    const { balancer, backend, servers, makeHealthy } = await start();
    const [server] = servers;

    await makeHealthy(server, false);
    await eventually(async () =>
      expect(await read(balancer, backend, server)).toMatchObject({ state: 'ready', health: 'down' }),
    );
    await makeHealthy(server, true);

    await eventually(async () =>
      expect(await read(balancer, backend, server)).toMatchObject({ state: 'ready', health: 'up' }),
    );
  });

  test('a drained server is checked all the same', async () => {
    const { balancer, backend, servers, makeHealthy } = await start();
    const [server] = servers;
    await balancer.setState({ backend, server }, 'drain');

    await makeHealthy(server, false);

    await eventually(async () =>
      expect(await read(balancer, backend, server)).toMatchObject({ state: 'drain', health: 'down' }),
    );
  });

  test('a weight is set, and the other server keeps its own', async () => {
    const { balancer, backend, servers } = await start();
    const [server, other] = servers;
    const before = await read(balancer, backend, other);

    await balancer.setWeight({ backend, server }, 7);

    expect(await read(balancer, backend, server)).toMatchObject({ weight: 7 });
    expect(await read(balancer, backend, other)).toMatchObject({ weight: before.weight });
  });

  test('a backend that is not there is named', async () => {
    const { balancer } = await start();
    const notFound = { kind: 'notFound', message: expect.stringContaining('nowhere') as string };

    await expect(balancer.servers('nowhere')).rejects.toMatchObject(notFound);
    await expect(balancer.setState({ backend: 'nowhere', server: 'one' }, 'ready')).rejects.toMatchObject(notFound);
  });

  test('a server that is not there is named', async () => {
    const { balancer, backend } = await start();
    const server = { backend, server: 'nobody' };
    const notFound = { kind: 'notFound', message: expect.stringContaining('nobody') as string };

    await expect(balancer.setState(server, 'drain')).rejects.toMatchObject(notFound);
    await expect(balancer.setWeight(server, 1)).rejects.toMatchObject(notFound);
  });

  test('a balancer that is away is unreachable, in every call', async () => {
    const { balancer, backend, servers, down } = await start();
    const server = { backend, server: servers[0] };
    await down();
    const unreachable = { name: 'LoadBalancerError', kind: 'unreachable' };

    await expect(balancer.servers(backend)).rejects.toMatchObject(unreachable);
    await expect(balancer.setState(server, 'drain')).rejects.toMatchObject(unreachable);
    await expect(balancer.setWeight(server, 1)).rejects.toMatchObject(unreachable);
  });

  test('a call whose signal has fired throws the reason, and changes nothing', async () => {
    const { balancer, backend, servers } = await start();
    const [server] = servers;
    const reason = new Error('enough');

    await expect(balancer.setState({ backend, server }, 'drain', AbortSignal.abort(reason))).rejects.toBe(reason);

    expect(await read(balancer, backend, server)).toMatchObject({ state: 'ready' });
  });
}

async function read(balancer: LoadBalancer, backend: string, server: string): Promise<BalancedServer> {
  const found = (await balancer.servers(backend)).find(({ name }) => name === server);
  if (found === undefined) throw new Error(`backend ${backend} has no server ${server}`);
  return found;
}
