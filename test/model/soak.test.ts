import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addCount, judgeRate, latestSample, startSoakLog, type SoakLog } from '../../model/soak.ts';
import { RUNS } from './runs.ts';

const policy = { maxErrorRate: 0.1, minRequests: 10, windowMs: 1_000 };

/** Counts of the balancer at a moment, one after another. */
function logOf(...counts: readonly (readonly [at: number, requests: number, errors: number])[]): SoakLog {
  return counts.reduce(
    (log, [at, requests, errors]) => addCount(log, { at, requests, errors }, policy.windowMs),
    startSoakLog({ requests: 0, errors: 0 }, 0),
  );
}

describe('the share of failed requests', () => {
  test('that stays below what is allowed is fine', () => {
    expect(judgeRate(logOf([500, 50, 4], [1_000, 100, 9]), policy)).toBeNull();
  });

  test('that is too high since the cutover is said with its numbers', () => {
    expect(judgeRate(logOf([500, 50, 6]), policy)).toBe(
      '6 of 50 requests failed (the last 1 s), that is 12 %; at most 10 % may',
    );
  });

  test('that is too high in the window is seen, however many were fine before', () => {
    const log = logOf([500, 100_000, 0], [1_000, 110_000, 0], [2_000, 110_020, 20]);

    expect(judgeRate(log, policy)).toContain('20 of 20 requests failed');
  });

  test('is not judged by a handful of requests', () => {
    expect(judgeRate(logOf([500, 9, 9]), policy)).toBeNull();
  });

  test('is not looked at when nobody asked for it', () => {
    expect(judgeRate(logOf([500, 100, 100]), { ...policy, maxErrorRate: null })).toBeNull();
  });

  test('counts only what came after the cutover', () => {
    const log = addCount(
      startSoakLog({ requests: 900, errors: 900 }, 0),
      { at: 100, requests: 950, errors: 900 },
      1_000,
    );

    expect(latestSample(log)).toEqual({ at: 100, requests: 50, errors: 0 });
    expect(judgeRate(log, policy)).toBeNull();
  });

  test('goes on over a balancer that was restarted and counts anew', () => {
    const log = logOf([500, 100, 2], [600, 30, 1]);

    expect(latestSample(log)).toEqual({ at: 600, requests: 130, errors: 3 });
  });
});

test('whatever a balancer counts, the sums never fall and no more is kept than the window needs', () => {
  const count = fc.record({
    requests: fc.nat(1_000),
    errors: fc.nat(1_000),
    afterMs: fc.integer({ min: 1, max: 700 }),
  });
  fc.assert(
    fc.property(fc.array(count, { maxLength: 60 }), (counts) => {
      let log = startSoakLog({ requests: 0, errors: 0 }, 0);
      let at = 0;
      for (const { requests, errors, afterMs } of counts) {
        const before = latestSample(log);
        at += afterMs;

        log = addCount(log, { at, requests, errors }, policy.windowMs);

        const now = latestSample(log);
        expect(now.requests).toBeGreaterThanOrEqual(before.requests);
        expect(now.errors).toBeGreaterThanOrEqual(before.errors);
        // One from before the window, where there is one, and all within it.
        const [, second] = log.samples;
        if (second !== undefined) expect(second.at).toBeGreaterThanOrEqual(at - policy.windowMs);
      }
    }),
    RUNS,
  );
});
