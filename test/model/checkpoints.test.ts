import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkpointsOf, refuseCheckpoint, type HopBack } from '../../model/checkpoints.ts';

const hop = (to: string, passed: string | null = null): HopBack => ({ to, passed });
const path = [hop('1.4.0'), hop('1.8.0'), hop('2.0.0')];
const cut = 'migration cut has no way back';

test('an upgrade can go back to its start, and to the end of each hop before the one at work', () => {
  const { reachable, forwardOnly } = checkpointsOf(path, 3);

  expect(reachable.map(({ name }) => name)).toEqual(['start', '1.4.0', '1.8.0']);
  expect(reachable.map(({ hops }) => hops)).toEqual([0, 1, 2]);
  expect(forwardOnly).toBeNull();
});

test('no roll back goes past a point of no return, and the refusal says why and what is possible', () => {
  const checkpoints = checkpointsOf([hop('1.4.0'), hop('1.8.0', cut), hop('2.0.0')], 3);

  expect(checkpoints.reachable.map(({ name }) => name)).toEqual(['1.8.0']);
  expect(refuseCheckpoint(checkpoints, null)).toBeNull();
  expect(refuseCheckpoint(checkpoints, '1.8.0')).toBeNull();
  expect(refuseCheckpoint(checkpoints, 'start')).toBe(`forward only before 1.8.0: ${cut}; it can go back to: 1.8.0`);
});

test('a hop that has passed its point of no return can not be taken back while it is at work', () => {
  const checkpoints = checkpointsOf([hop('1.4.0'), hop('1.8.0', cut), hop('2.0.0')], 2);

  expect(checkpoints.reachable).toEqual([]);
  expect(refuseCheckpoint(checkpoints, null)).toBe(`forward only before 1.8.0: ${cut}`);
});

test('a checkpoint that is none is refused with those that there are', () => {
  expect(refuseCheckpoint(checkpointsOf(path, 2), '7.0.0')).toBe(
    '7.0.0 is no checkpoint of this upgrade; it can go back to: start, 1.4.0',
  );
});

test('what can be reached lies behind every point of no return that was passed, and nothing else is left out', () => {
  const hops = fc.array(fc.boolean(), { minLength: 1, maxLength: 16 });
  fc.assert(
    fc.property(hops, fc.nat(), (points, number) => {
      const begun = number % (points.length + 1);
      const backs = points.map((isPassed, index) => hop(`${index}.0.0`, isPassed ? cut : null));

      const { reachable } = checkpointsOf(backs, begun);

      const free = Array.from({ length: begun }, (_, index) => index).filter(
        (index) => !points.slice(index, begun).includes(true),
      );
      expect(reachable.map((one) => one.hops)).toEqual(free);
    }),
  );
});
