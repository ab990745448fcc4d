import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextHosts, type WaveView } from '../../model/wave.ts';
import { hostNames, RUNS } from './runs.ts';

type State = WaveView['hosts'][number]['state'];

const view = (states: readonly State[], rest: Partial<WaveView> = {}): WaveView => ({
  hosts: hostNames(states.length).map((name, index) => ({ name, state: states[index] ?? 'pending' })),
  ...{ maxUnavailable: 2, gatekeeper: false, stopped: false },
  ...rest,
});

describe('who goes next', () => {
  test.each<{ name: string; states: readonly State[]; rest?: Partial<WaveView>; next: readonly string[] }>([
    { name: 'as many as may', states: ['pending', 'pending', 'pending'], next: ['host-1', 'host-2'] },
    { name: 'as many as are free', states: ['succeeded', 'atWork', 'pending', 'pending'], next: ['host-3'] },
    { name: 'nobody when none is free', states: ['atWork', 'atWork', 'pending'], next: [] },
    { name: 'nobody after a failure', states: ['failed', 'succeeded', 'pending'], next: [] },
    { name: 'nobody when stopped', states: ['succeeded', 'pending'], rest: { stopped: true }, next: [] },
    { name: 'nobody when all are through', states: ['succeeded', 'succeeded'], next: [] },
    { name: 'nobody of no hosts', states: [], next: [] },
    { name: 'the gatekeeper alone', states: ['pending', 'pending'], rest: { gatekeeper: true }, next: ['host-1'] },
    { name: 'nobody beside it', states: ['atWork', 'pending'], rest: { gatekeeper: true }, next: [] },
    { name: 'the others after it', states: ['succeeded', 'pending'], rest: { gatekeeper: true }, next: ['host-2'] },
  ])('$name', ({ states, rest, next }) => {
    expect(nextHosts(view(states, rest))).toEqual(next);
  });
});

/** One in twenty fails: a story that fails at once is a short one. */
const mostly = fc.nat({ max: 19 }).map((number) => number > 0);

/** A wave as it goes: at each turn everybody who may is ordered, then one host that is at work ends, well or badly. */
const stories = fc.record({
  count: fc.nat({ max: 30 }),
  maxUnavailable: fc.integer({ min: 1, max: 8 }),
  gatekeeper: fc.boolean(),
  stopAt: fc.nat({ max: 60 }),
  ends: fc.array(fc.record({ which: fc.nat({ max: 7 }), isGood: mostly }), { minLength: 60, maxLength: 60 }),
});

describe('in any sequence of events', () => {
  test('never more hosts are out of service than may be', () => {
    follow((seen, { maxUnavailable }) => {
      const away = seen.states.filter((state) => state === 'atWork' || state === 'failed').length;

      expect(away).toBeLessThanOrEqual(maxUnavailable);
    });
  });

  test('after a failure, or a stop, nobody new starts', () => {
    follow((seen) => {
      if (seen.hadFailure || seen.wasStopped) expect(seen.started).toEqual([]);
    });
  });

  test('the gatekeeper goes alone', () => {
    follow((seen, { gatekeeper }) => {
      if (!gatekeeper || seen.states[0] === 'succeeded') return;

      expect(seen.states.slice(1).every((state) => state === 'pending')).toBe(true);
    });
  });

  test('a wave in which nothing fails and nobody stops it comes to its end', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const ends = story.ends.map((end) => ({ ...end, isGood: true }));
        const states = run({ ...story, ends, stopAt: Infinity }, () => undefined);

        expect(states.every((state) => state === 'succeeded')).toBe(true);
      }),
      RUNS,
    );
  });
});

type Story = typeof stories extends fc.Arbitrary<infer Value> ? Value : never;
type Seen = {
  readonly states: readonly State[];
  readonly started: readonly string[];
  readonly hadFailure: boolean;
  readonly wasStopped: boolean;
};

function follow(look: (seen: Seen, story: Story) => void): void {
  fc.assert(
    fc.property(stories, (story) => void run(story, (seen) => look(seen, story))),
    RUNS,
  );
}

function run(story: Story, look: (seen: Seen) => void): readonly State[] {
  const { maxUnavailable, gatekeeper } = story;
  const names = hostNames(story.count);
  const states: State[] = names.map(() => 'pending');
  story.ends.forEach(({ which, isGood }, turn) => {
    const wasStopped = turn >= story.stopAt;
    const hadFailure = states.includes('failed');
    const started = nextHosts(view(states, { maxUnavailable, gatekeeper, stopped: wasStopped }));
    for (const name of started) states[names.indexOf(name)] = 'atWork';
    look({ states: [...states], started, hadFailure, wasStopped });
    const atWork = [...states.keys()].filter((index) => states[index] === 'atWork');
    const ending = atWork[which % Math.max(1, atWork.length)];
    if (ending !== undefined) states[ending] = isGood ? 'succeeded' : 'failed';
  });
  return states;
}
