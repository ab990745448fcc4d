import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import { memoryLabels, workLabels, type ReplacementStage } from '../../model/replacement.ts';
import { containing, matching } from '../matching.ts';
import { startEngineProxy } from '../parts/engine-proxy.ts';
import { loadForeign } from './replacing/foreign-image.ts';
import { createStarted, get, post } from './replacing/images.ts';
import { wish } from './replacing/wish.ts';
import { startWorld, type World } from './replacing/world.ts';

const always = { RestartPolicy: { Name: 'always' } };

describe('a container is replaced in place', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.started.close());

  test('by the new image under the old name, and nothing is left over', async () => {
    const { engine, run, of, inspect } = world;
    const before = await run('web', { config: { Env: ['MODE=test'] }, host: always });
    const stages: string[] = [];

    const outcome = await engine.replaceContainer(wish('web', { onStage: ({ stage }) => stages.push(stage) }));

    const after = await inspect('web');
    expect(outcome).toEqual({
      outcome: 'replaced',
      id: after.id,
      previous: { id: before, imageId: matching(/^sha256:/), keptAs: null },
      awayMs: expect.any(Number) as unknown,
      notes: [],
    });
    expect(await of('web')).toEqual([{ name: 'web', running: true, image: 'new:1' }]);
    expect(after).toMatchObject({
      restartPolicy: 'always',
      labels: { version: 'new', [workLabels.upgrade]: 'upgrade-1', [memoryLabels.replaces]: before },
      raw: { Config: { Env: ['MODE=test'] } },
    });
    const order: readonly ReplacementStage['stage'][] = ['creating', 'stopping', 'starting', 'checking', 'finishing'];
    expect([...new Set(stages)]).toEqual(order);
  });

  test('one that is stopped is swapped and stays stopped', async () => {
    const { engine, run, of } = world;
    await run('idle', { isStarted: false, host: always });

    expect(await engine.replaceContainer(wish('idle'))).toMatchObject({ outcome: 'replaced', awayMs: null });

    expect(await of('idle')).toEqual([{ name: 'idle', running: false, image: 'new:1' }]);
    expect((await world.inspect('idle')).restartPolicy).toBe('always');
  });

  test('one that is as wished is left alone, and the same upgrade gets the answer that it may have lost', async () => {
    const { engine, run } = world;
    const before = await run('there');
    const same = wish('there', { image: 'old:1' });
    expect(await engine.compareContainer(same)).toBe('same');
    expect(await engine.replaceContainer(same)).toEqual({ outcome: 'alreadyThere', id: before });

    const more = wish('there', { image: 'old:1', settings: { env: { MODE: 'test' } } });
    expect(await engine.compareContainer(more)).toBe('different');
    const first = await engine.replaceContainer(more);
    const second = await engine.replaceContainer(more);
    const others = await engine.replaceContainer({ ...more, labels: { [workLabels.upgrade]: 'upgrade-2' } });

    expect(first).toMatchObject({ outcome: 'replaced', previous: { id: before } });
    expect(second).toEqual({ ...first, awayMs: null });
    expect(others).toMatchObject({ outcome: 'alreadyThere' });
    expect(await engine.compareContainer(more)).toBe('same');
  });

  test('the old one is kept for a way back, as it was, until it is discarded', async () => {
    const { engine, run, of, inspect } = world;
    const before = await run('kept', { host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } } });
    const outcome = await engine.replaceContainer(wish('kept', { keepOld: true }));
    const keptAs = `kept.refit-kept-${before.slice(0, 8)}`;
    expect(outcome).toMatchObject({ outcome: 'replaced', previous: { keptAs } });
    expect(await inspect(keptAs)).toMatchObject({ running: false, restartPolicy: 'no' });

    expect(await engine.putBackContainer({ container: 'kept', until: 'running' })).toMatchObject({
      outcome: 'putBack',
      id: before,
    });

    expect(await of('kept')).toEqual([{ name: 'kept', running: true, image: 'old:1' }]);
    expect(await get(world.connection, '/containers/kept/json')).toMatchObject({
      HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
    });
    expect(await engine.putBackContainer({ container: 'kept', until: 'running' })).toMatchObject({
      outcome: 'nothingKept',
    });
    await engine.replaceContainer(wish('kept', { keepOld: true }));
    expect(await engine.discardKept('kept', 'another')).toBe(0);
    expect(await engine.discardKept('kept', before)).toBe(1);
    expect(await engine.discardKept('kept', null)).toBe(0);
    expect(await of('kept')).toEqual([{ name: 'kept', running: true, image: 'new:1' }]);
  });

  test('a way back to a named container, repeated, goes not one step further', async () => {
    const { engine, run, inspect } = world;
    await run('chain');
    await engine.replaceContainer(wish('chain', { keepOld: true }));
    const second = (await inspect('chain')).id;
    await engine.replaceContainer(wish('chain', { keepOld: true, settings: { env: { STEP: '3' } } }));

    const back = { container: 'chain', until: 'running', to: second } as const;
    expect(await engine.putBackContainer(back)).toMatchObject({ outcome: 'putBack', id: second });
    expect(await engine.putBackContainer(back)).toMatchObject({ outcome: 'putBack', id: second });

    expect((await inspect('chain')).id).toBe(second);
  });

  test('in two steps: all stopped first, started later; and back in two steps', async () => {
    const { engine, run, of } = world;
    const before = await run('steps', { host: always });
    const half = { name: 'steps', running: false, image: 'new:1' };
    expect(await engine.replaceContainer(wish('steps', { until: 'stopped' }))).toMatchObject({ outcome: 'stopped' });
    expect(await of('steps')).toContainEqual(half);
    expect((await of('steps')).filter(({ running }) => running)).toEqual([]);

    expect(await engine.replaceContainer(wish('steps', { keepOld: true }))).toMatchObject({ outcome: 'replaced' });
    const back = { container: 'steps' } as const;
    expect(await engine.putBackContainer({ ...back, until: 'stopped' })).toEqual({ outcome: 'stopped' });
    expect((await of('steps')).filter(({ running }) => running)).toEqual([]);
    expect(await engine.putBackContainer({ ...back, until: 'running' })).toMatchObject({
      outcome: 'putBack',
      id: before,
    });
    expect(await of('steps')).toEqual([{ name: 'steps', running: true, image: 'old:1' }]);
  });

  test('settings that say it all need no container there, and what fails is gone again', async () => {
    const { engine, of } = world;
    const settings = { command: ['exec /bin/busybox sleep 999'], network: 'none' };
    const stated = wish('stated', { base: 'stated', settings });

    const broken = await engine.replaceContainer({ ...stated, settings: { ...settings, command: ['exit 5'] } });
    expect(broken).toMatchObject({ outcome: 'putBack', reason: containing('exited with 5') });
    expect(await of('stated')).toEqual([]);

    expect(await engine.replaceContainer(stated)).toMatchObject({ outcome: 'replaced', previous: null, awayMs: null });
    expect(await engine.replaceContainer({ ...stated, labels: {} })).toMatchObject({ outcome: 'alreadyThere' });
    expect(await engine.compareContainer(stated)).toBe('same');
    expect(await of('stated')).toEqual([{ name: 'stated', running: true, image: 'new:1' }]);
  });
});

describe('what can’t be done is refused, and nothing is changed', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.started.close());

  test('a container, or an image, that is not there', async () => {
    const { engine, run } = world;
    const id = await run('present');
    expect(await engine.replaceContainer(wish('nobody'))).toMatchObject({ outcome: 'refused', why: 'notFound' });
    expect(await engine.compareContainer(wish('nobody'))).toBe('absent');
    expect(await engine.replaceContainer(wish(id.slice(0, 12)))).toMatchObject({ outcome: 'refused', why: 'notFound' });
    expect(await engine.replaceContainer(wish('present', { image: 'none:1' }))).toMatchObject({
      outcome: 'refused',
      why: 'image',
      reason: containing('none:1'),
    });
    expect((await world.inspect('present')).id).toBe(id);
  });

  test('one that is paused, removes itself, or lends its network to another', async () => {
    const { engine, run, of, connection } = world;
    await run('paused');
    await post(connection, '/containers/paused/pause');
    await run('fleeting', { host: { AutoRemove: true } });
    await run('lender', { host: { NetworkMode: 'bridge' } });
    await createStarted(connection, 'borrower', { Image: 'old:1', HostConfig: { NetworkMode: 'container:lender' } });

    for (const [name, why] of [
      ['paused', 'paused'],
      ['fleeting', 'wayBack'],
      ['lender', 'shared'],
    ] as const) {
      expect(await engine.replaceContainer(wish(name)), name).toMatchObject({ outcome: 'refused', why });
      expect(await of(name)).toHaveLength(1);
      expect(await world.inspect(name)).toMatchObject({ running: true, image: 'old:1' });
    }
    expect(await engine.replaceContainer(wish('lender'))).toMatchObject({ reason: containing('borrower') });
    await post(connection, '/containers/paused/unpause');
  });

  test('an image for another platform than the engine’s', async () => {
    const { engine, run, of, started } = world;
    await run('native');
    await loadForeign(started.access, { from: 'old:1', name: 'foreign:1', architecture: 'arm64' });

    expect(await engine.replaceContainer(wish('native', { image: 'foreign:1' }))).toMatchObject({
      outcome: 'refused',
      why: 'platform',
      reason: containing('linux/arm64'),
    });
    expect(await of('native')).toEqual([{ name: 'native', running: true, image: 'old:1' }]);
  });

  test('a creation that the engine refuses, in its own words', async () => {
    const { engine, run, of } = world;
    const before = await run('refused');

    const outcome = await engine.replaceContainer(wish('refused', { settings: { memoryBytes: 1_000 } }));

    expect(outcome).toMatchObject({ outcome: 'refused', why: 'settings', reason: containing('memory') });
    expect(await of('refused')).toEqual([{ name: 'refused', running: true, image: 'old:1' }]);
    expect((await world.inspect('refused')).id).toBe(before);
  });

  test('another upgrade that ended half-way, until the way back has settled it', async () => {
    const { engine, run, of } = world;
    const before = await run('half', { host: always });
    await engine.replaceContainer(wish('half', { until: 'stopped' }));
    const other = wish('half', { settings: { env: { OTHER: '1' } }, labels: { [workLabels.upgrade]: 'upgrade-2' } });

    expect(await engine.replaceContainer(other)).toMatchObject({
      outcome: 'refused',
      why: 'unfinished',
      reason: matching(/upgrade-1.*refit container rollback HOST half/),
    });
    expect(await engine.putBackContainer({ container: 'half', until: 'running' })).toMatchObject({ id: before });

    expect(await of('half')).toEqual([{ name: 'half', running: true, image: 'old:1' }]);
    expect(await engine.replaceContainer(other)).toMatchObject({ outcome: 'replaced' });
  });

  test('but not by what a dead attempt has created and never used', async () => {
    const { engine, run, of } = world;
    await using proxy = await startEngineProxy(world.started.access);
    await run('dead');
    proxy.cutAt(1, 'after');
    await expect(createEngine(proxy.access).replaceContainer(wish('dead'))).rejects.toMatchObject({
      kind: 'unreachable',
    });
    expect((await of('dead')).length).toBe(2);

    const other = wish('dead', { settings: { env: { OTHER: '1' } } });
    expect(await engine.replaceContainer(other)).toMatchObject({ outcome: 'replaced' });

    expect(await of('dead')).toEqual([{ name: 'dead', running: true, image: 'new:1' }]);
  });

  test('a stand-in’s name that somebody else has taken', async () => {
    const { engine, run, of } = world;
    await run('taken');
    await run('taken.refit-new');

    expect(await engine.replaceContainer(wish('taken'))).toMatchObject({
      outcome: 'refused',
      why: 'unfinished',
      reason: containing('taken.refit-new is not refit'),
    });
    expect(await of('taken')).toHaveLength(2);
  });
});
