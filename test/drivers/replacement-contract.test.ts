import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../model/engine.ts';
import type { Replacement } from '../../model/replacement.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { wish } from './replacing/wish.ts';
import { startWorld, type World } from './replacing/world.ts';

/** The same words for the real engine and for the one that the activities' tests use. */
type Subject = {
  readonly engine: Engine;
  readonly run: (name: string) => Promise<string>;
  /** The next new container dies; `settings` make it do so where the engine is real. */
  readonly sicken: (replacement: Replacement) => Replacement;
};

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.started.close());

const real = (): Subject => ({
  engine: world.engine,
  run: (name) => world.run(name),
  sicken: (replacement) => ({ ...replacement, settings: { command: ['exit 3'] } }),
});

function fake(): Subject {
  const engine = new FakeEngine('host-1');
  engine.images.add('new:1');
  return {
    engine,
    run: async (name) => Promise.resolve(engine.run(name, 'old:1')),
    sicken: (replacement) => {
      engine.containers.failNext('exited with 3');
      return replacement;
    },
  };
}

describe.each([
  { which: 'the real engine', subject: real },
  { which: 'the fake', subject: fake },
])('$which', ({ subject }) => {
  async function of({ engine }: Subject, name: string): Promise<readonly string[]> {
    const all = await engine.listContainers({});
    const own = all.filter((one) => one.name === name || one.name.startsWith(`${name}.refit-`));
    return own.map((one) => `${one.name} ${one.image} ${one.running ? 'runs' : 'stopped'}`).sort();
  }

  test('replaces, answers the same again, keeps, puts back and discards', async () => {
    const it = subject();
    const before = await it.run('life');
    const keptAs = `life.refit-kept-${before.slice(0, 8)}`;
    expect(await it.engine.compareContainer(wish('life'))).toBe('different');

    const outcome = await it.engine.replaceContainer(wish('life', { keepOld: true }));
    expect(outcome).toMatchObject({ outcome: 'replaced', previous: { id: before, keptAs } });
    expect(await of(it, 'life')).toEqual(['life new:1 runs', `${keptAs} old:1 stopped`]);
    expect(await it.engine.compareContainer(wish('life'))).toBe('same');
    expect(await it.engine.replaceContainer(wish('life', { labels: {} }))).toMatchObject({ outcome: 'alreadyThere' });

    const back = { container: 'life', until: 'running', to: before } as const;
    expect(await it.engine.putBackContainer(back)).toMatchObject({ outcome: 'putBack', id: before });
    expect(await it.engine.putBackContainer(back)).toMatchObject({ outcome: 'putBack', id: before });
    expect(await of(it, 'life')).toEqual(['life old:1 runs']);
    await it.engine.replaceContainer(wish('life', { keepOld: true }));
    expect(await it.engine.discardKept('life', null)).toBe(1);
    expect(await it.engine.putBackContainer({ container: 'life', until: 'running' })).toMatchObject({
      outcome: 'nothingKept',
    });
  });

  test('puts back what fails, or leaves it until it is told of the failure', async () => {
    const it = subject();
    const before = await it.run('sick');
    expect(await it.engine.replaceContainer(it.sicken(wish('sick')))).toMatchObject({ outcome: 'putBack' });
    expect(await of(it, 'sick')).toEqual(['sick old:1 runs']);

    const left = it.sicken(wish('sick', { onFailure: 'leave' }));
    expect(await it.engine.replaceContainer(left)).toMatchObject({ outcome: 'failed' });
    const back = { ...left, onFailure: 'putBack', failed: 'it was sick' } as const;
    expect(await it.engine.replaceContainer(back)).toMatchObject({ outcome: 'putBack' });

    expect(await of(it, 'sick')).toEqual(['sick old:1 runs']);
    expect(await it.engine.inspectContainer('sick')).toMatchObject({ id: before });
  });

  test('stops first and starts later, and refuses another upgrade in between', async () => {
    const it = subject();
    const before = await it.run('half');
    const aside = `half.refit-old-${before.slice(0, 8)}`;
    expect(await it.engine.replaceContainer(wish('half', { until: 'stopped' }))).toMatchObject({ outcome: 'stopped' });
    expect(await of(it, 'half')).toEqual(['half new:1 stopped', `${aside} old:1 stopped`]);

    const other = wish('half', { settings: { env: { OTHER: '1' } } });
    expect(await it.engine.replaceContainer(other)).toMatchObject({ outcome: 'refused', why: 'unfinished' });
    expect(await it.engine.replaceContainer(wish('half'))).toMatchObject({ outcome: 'replaced' });

    expect(await of(it, 'half')).toEqual(['half new:1 runs']);
  });

  test('refuses what is not there', async () => {
    const it = subject();
    await it.run('there');
    expect(await it.engine.replaceContainer(wish('nobody'))).toMatchObject({ why: 'notFound' });
    expect(await it.engine.replaceContainer(wish('there', { image: 'none:1' }))).toMatchObject({ why: 'image' });
    expect(await it.engine.compareContainer(wish('nobody'))).toBe('absent');
    expect(await it.engine.inspectImage('none:1')).toBeNull();
    expect((await it.engine.inspectImage('new:1'))?.os).toBe('linux');
  });
});
