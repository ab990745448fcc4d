import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { Engine } from '../../model/engine.ts';
import type { Replacement } from '../../model/replacement.ts';
import { sampleOfNumbers } from '../nightly.ts';
import { startEngineProxy, type EngineProxy } from '../parts/engine-proxy.ts';
import { addNetworks, type TestNetworks } from './replacing/networks.ts';
import { wish } from './replacing/wish.ts';
import { startWorld, type World } from './replacing/world.ts';

/** More changes than a way there and back has. */
const MAX_POINTS = 30;
/** Of so many changes one is tried in the ordinary run. */
const APART = 4;
const moments = ['before', 'after'] as const;

/**
 * An attempt ends at one of the engine's calls, as a worker that dies there; then the same call is made again. What is lost
 * after a change leaves the engine as what is lost before the next one, so one of the two is enough for most.
 */
describe('after an attempt that ended at any change', () => {
  let world: World;
  let networks: TestNetworks;
  let proxy: EngineProxy;
  let cut: Engine;
  beforeAll(async () => {
    world = await startWorld();
    networks = await addNetworks(world.connection, ['front', 'back']);
    proxy = await startEngineProxy(world.started.access);
    cut = createEngine(proxy.access, 'host-1');
  });
  afterAll(async () => {
    await proxy.close();
    await world.started.close();
    await networks.close();
  });

  let count = 0;
  type Given = { readonly name: string; readonly before: string; readonly networks: readonly string[] };

  /** Networks cost half a second each time. On two of them, one is connected after the creation. */
  async function prepare({ isWired }: { readonly isWired: boolean }): Promise<Given> {
    count += 1;
    const name = `web-${count}`;
    const host = { NetworkMode: isWired ? 'front' : 'none', RestartPolicy: { Name: 'always' } };
    const before = await world.run(name, { host, config: { Volumes: { '/data': {} } }, isStarted: false });
    if (isWired) await networks.connect('back', name);
    await world.engine.startContainer(name);
    return { name, before, networks: isWired ? ['back', 'front'] : ['none'] };
  }

  const running = async (name: string): Promise<number> => (await world.of(name)).filter((one) => one.running).length;

  const tried = sampleOfNumbers('changes at which an attempt ends', MAX_POINTS, APART);

  /** Cuts the work off at every change in turn; answers how many there are, or one more where some are left out. */
  async function atEveryChange(
    { when, isWired = false }: { readonly when: 'before' | 'after'; readonly isWired?: boolean },
    work: (cutEngine: Engine, name: string) => Promise<unknown>,
    check: (given: Given, point: string) => Promise<void>,
  ): Promise<number> {
    for (const at of tried) {
      const given = await prepare({ isWired });
      proxy.cutAt(at, when);
      const ended = await work(cut, given.name).then(
        () => 'whole',
        (error: unknown) => error,
      );
      const point = `cut ${when} change ${at} (${proxy.changes().at(-1) ?? ''})`;
      if (!proxy.isCut()) return at - 1;
      expect(ended, point).toMatchObject({ kind: 'unreachable' });
      expect(await running(given.name), point).toBeLessThanOrEqual(1);
      proxy.mend();
      await check(given, point);
      for (const { name } of await world.of(given.name)) await world.engine.removeContainer(name, { force: true });
    }
    throw new Error(`more than ${MAX_POINTS} changes`);
  }

  test.for(moments)('%s it reached the engine, the same call finishes it', async (when) => {
    const points = await atEveryChange(
      { when, isWired: when === 'before' },
      (engine, name) => engine.replaceContainer(wish(name)),
      async ({ name, before, networks: on }, point) => {
        expect(await world.engine.replaceContainer(wish(name)), point).toMatchObject({
          outcome: 'replaced',
          previous: { id: before, keptAs: null },
        });
        expect(await world.of(name), point).toEqual([{ name, running: true, image: 'new:1' }]);
        expect(await networks.of(name), point).toEqual(on);
        expect(await world.inspect(name), point).toMatchObject({ restartPolicy: 'always' });
      },
    );
    expect(points).toBeGreaterThanOrEqual(8);
  });

  test('the way back finishes it as well', async () => {
    await atEveryChange(
      { when: 'after' },
      (engine, name) => engine.replaceContainer(wish(name, { keepOld: true })),
      async ({ name, before, networks: on }, point) => {
        const outcome = await world.engine.putBackContainer({ container: name, until: 'running', to: before });
        expect(['putBack', 'nothingKept'], point).toContain(outcome.outcome);
        await expectBack({ name, before, networks: on }, point);
      },
    );
  });

  test('a sick one is put back by the same call', async () => {
    const sick = (name: string): Replacement => wish(name, { settings: { command: ['exit 3'] } });
    const points = await atEveryChange(
      { when: 'after' },
      (engine, name) => engine.replaceContainer(sick(name)),
      async ({ name, before, networks: on }, point) => {
        const outcome = await world.engine.replaceContainer(sick(name));
        expect(outcome, point).toMatchObject({ outcome: 'putBack' });
        await expectBack({ name, before, networks: on }, point);
      },
    );
    expect(points).toBeGreaterThanOrEqual(11);
  });

  test('a way back goes on', async () => {
    const points = await atEveryChange(
      { when: 'after' },
      async (engine, name) => {
        await world.engine.replaceContainer(wish(name, { keepOld: true }));
        await engine.putBackContainer({ container: name, until: 'running' });
      },
      async ({ name, before, networks: on }, point) => {
        const outcome = await world.engine.putBackContainer({ container: name, until: 'running', to: before });
        expect(outcome, point).toMatchObject({ outcome: 'putBack', id: before });
        await expectBack({ name, before, networks: on }, point);
      },
    );
    expect(points).toBeGreaterThanOrEqual(7);
  });

  async function expectBack({ name, before, networks: on }: Given, point: string): Promise<void> {
    expect(await world.of(name), point).toEqual([{ name, running: true, image: 'old:1' }]);
    expect(await world.inspect(name), point).toMatchObject({ id: before, restartPolicy: 'always' });
    expect(await networks.of(name), point).toEqual(on);
  }
});
