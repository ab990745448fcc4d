import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { ContainerHealth, Replacement, ReplacementStage } from '../../model/replacement.ts';
import { containing, matching } from '../matching.ts';
import { startEngineProxy } from '../parts/engine-proxy.ts';
import { portOf } from '../parts/free-ports.ts';
import { makeImage } from './replacing/images.ts';
import { wish } from './replacing/wish.ts';
import { SLEEP, startWorld, type World } from './replacing/world.ts';

const health = (more: Partial<ContainerHealth>): ContainerHealth => ({
  minHealthyTimeMs: 100,
  deadlineMs: 10_000,
  probe: null,
  ...more,
});
type Case = {
  readonly title: string;
  readonly settings: Replacement['settings'];
  readonly reason: RegExp;
};
const always = { RestartPolicy: { Name: 'always' } };

describe('a new container that fails gives its place back', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.started.close());

  /** The old one runs as before, and nothing is left of the new one. */
  async function expectBack(name: string, before: string): Promise<void> {
    expect(await world.of(name)).toEqual([{ name, running: true, image: 'old:1' }]);
    expect(await world.inspect(name)).toMatchObject({ id: before, restartPolicy: 'always' });
  }

  const cases: readonly Case[] = [
    {
      title: 'that exits at once',
      // With a policy the engine of a busy machine has started it again by the next look.
      settings: { command: ['echo first; echo oh no >&2; exit 3'], restart: 'no' },
      reason: /exited with 3: .*oh no/,
    },
    {
      title: 'whose program is missing',
      settings: { entrypoint: ['/nowhere'] },
      reason: /could not be started|no such file/,
    },
    {
      title: 'that ends again and again',
      settings: { command: ['/bin/busybox sleep 0.3; exit 4'] },
      reason: /restarted|exited with 4/,
    },
  ];
  test.for(cases)('one $title', async ({ settings, reason, title }) => {
    const name = title.replaceAll(/[^a-z]/g, '-');
    const before = await world.run(name, { host: always });
    const told: ReplacementStage[] = [];

    const outcome = await world.engine.replaceContainer(
      wish(name, { settings, health: health({ minHealthyTimeMs: 1_000 }), onStage: (stage) => told.push(stage) }),
    );

    expect(outcome).toMatchObject({ outcome: 'putBack', reason: matching(reason) });
    expect(told.find(({ stage }) => stage === 'failed')).toMatchObject({ reason: matching(reason) });
    await expectBack(name, before);
  });

  describe('while the engine still calls it running, and refuses its restart policy', () => {
    /** As Docker Engine 20.10 says it for milliseconds after a container's end. */
    const message = 'Cannot update container 95d4: cannot update a stopped container: unknown';
    const cases = [
      { title: 'it has ended, and says how', command: ['exit 3'], times: 1, reason: /exited with 3|it was restarted/ },
      { title: 'refused on and on, it fails', command: [SLEEP], times: 4, reason: /a stopped container/ },
      // The last one is for the old container's own policy.
      {
        title: 'the old one gets its policy',
        command: [SLEEP],
        times: 5,
        reason: /a stopped container/,
      },
    ];
    test.for(cases)('$title', async ({ title, command, times, reason }) => {
      await using proxy = await startEngineProxy(world.started.access);
      const name = title.replaceAll(/[^a-z]/g, '-');
      const before = await world.run(name, { host: always });
      // The first is the old one's, which loses its policy before the new one starts.
      proxy.refuse({ path: /\/update\b/, after: 1, times, message });
      const engine = createEngine(proxy.access, 'host-1');

      const outcome = await engine.replaceContainer(wish(name, { settings: { command } }));

      expect(outcome).toMatchObject({ outcome: 'putBack', reason: matching(reason) });
      await expectBack(name, before);
    });
  });

  test('one whose port is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const before = await world.run('port', { host: { ...always, NetworkMode: 'bridge' } });
    const settings = { ports: [`127.0.0.1:${portOf(server)}:80`] };

    const outcome = await world.engine.replaceContainer(wish('port', { settings }));
    server.close();

    expect(outcome).toMatchObject({ outcome: 'putBack', reason: matching(/address already in use|port is already/) });
    await expectBack('port', before);
  });

  test('one that its own check calls unhealthy, and not one that becomes healthy', async () => {
    const check = (test: string): object => ({
      Healthcheck: { Test: ['CMD-SHELL', test], Interval: 100_000_000, Timeout: 2_000_000_000, Retries: 2 },
    });
    const config = { Entrypoint: ['/bin/sh', '-c'], Cmd: [SLEEP], StopSignal: 'SIGKILL' };
    const makes = { base: 'base:1' } as const;
    await makeImage(world.connection, {
      ...makes,
      name: 'sick:1',
      config: { ...config, ...check('echo sick; exit 1') },
    });
    await makeImage(world.connection, { ...makes, name: 'well:1', config: { ...config, ...check('exit 0') } });
    const before = await world.run('checked', { host: always });

    const sick = await world.engine.replaceContainer(wish('checked', { image: 'sick:1' }));
    expect(sick).toMatchObject({ outcome: 'putBack', reason: matching(/health check failed: sick/) });
    await expectBack('checked', before);

    expect(await world.engine.replaceContainer(wish('checked', { image: 'well:1' }))).toMatchObject({
      outcome: 'replaced',
    });
  });

  test('one whose probe never holds, by its deadline', async () => {
    const before = await world.run('probed', { host: always });
    const probes = [
      { probe: { type: 'exec', command: ['/bin/sh', '-c', 'echo not yet; exit 7'] }, reason: /exited with 7: not yet/ },
      { probe: { type: 'tcp', host: '127.0.0.1', port: 1 }, reason: /ECONNREFUSED/ },
      { probe: { type: 'http', url: 'http://127.0.0.1:1/', status: 200, contains: null }, reason: /127\.0\.0\.1:1/ },
    ] as const;
    for (const { probe, reason } of probes) {
      const outcome = await world.engine.replaceContainer(
        wish('probed', { health: { minHealthyTimeMs: 0, deadlineMs: 500, probe } }),
      );
      expect(outcome).toMatchObject({ outcome: 'putBack', reason: matching(reason) });
      await expectBack('probed', before);
    }
    const holds = { type: 'exec', command: ['/bin/sh', '-c', 'exit 0'] } as const;
    expect(await world.engine.replaceContainer(wish('probed', { health: health({ probe: holds }) }))).toMatchObject({
      outcome: 'replaced',
    });
  });

  test('or is left as it is when asked, and an earlier failure goes on with the way back', async () => {
    const before = await world.run('left', { host: always });
    const broken = wish('left', { settings: { command: ['exit 6'] }, onFailure: 'leave' });
    expect(await world.engine.replaceContainer(broken)).toMatchObject({
      outcome: 'failed',
      reason: containing('exited with 6'),
    });
    expect((await world.of('left')).find(({ name }) => name === 'left')).toMatchObject({
      running: false,
      image: 'new:1',
    });

    // An image that is gone meanwhile is not needed for it.
    const back = { ...broken, image: 'gone:1', onFailure: 'putBack', failed: 'it was sick' } as const;
    expect(await world.engine.replaceContainer(back)).toMatchObject({ outcome: 'putBack', reason: containing('sick') });
    expect(await world.engine.replaceContainer(back)).toMatchObject({ outcome: 'putBack', reason: containing('sick') });
    await expectBack('left', before);
  });

  test('its own new volume goes with it, and the old one’s volume without a name stays with its data', async () => {
    const config = { Entrypoint: ['/bin/sh', '-c'], Cmd: [SLEEP], StopSignal: 'SIGKILL', Volumes: { '/own': {} } };
    await makeImage(world.connection, { base: 'base:1', name: 'volume:1', config });
    const Cmd = [`[ -f /data/row ] || echo kept > /data/row; ${SLEEP}`];
    const before = await world.run('data', { config: { Cmd, Volumes: { '/data': {} } }, host: always });
    const volumes = async (): Promise<number> => {
      const answer = await world.connection.ask({ what: 'volumes', method: 'GET', path: '/volumes', withinMs: 10_000 });
      return (answer as { Volumes: unknown[] | null }).Volumes?.length ?? 0;
    };
    const count = await volumes();
    const row = { type: 'exec', command: ['/bin/busybox', 'grep', 'kept', '/data/row'] } as const;

    const broken = wish('data', { image: 'volume:1', settings: { command: ['exit 1'] } });
    expect(await world.engine.replaceContainer(broken)).toMatchObject({ outcome: 'putBack' });
    await expectBack('data', before);
    expect(await volumes()).toBe(count);

    const better = wish('data', { image: 'new:1', health: health({ probe: row }) });
    expect(await world.engine.replaceContainer(better)).toMatchObject({ outcome: 'replaced' });
    expect(await volumes()).toBe(count);
  });
});
