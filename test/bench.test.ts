import { describe, expect, test } from 'vitest';
import { formatSummary, summarize } from '../bench/statistics.ts';
import { hostTimes, type Event } from '../bench/upgrade-times.ts';

describe('the bench', () => {
  test('the median of an even number of measurements lies between the middle two', () => {
    expect(summarize([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4, count: 4 });
    expect(summarize([5])).toEqual({ median: 5, least: 5, most: 5, count: 1 });
  });

  test('nothing measured is no result', () => {
    expect(() => summarize([])).toThrow('nothing was measured');
  });

  test('a summary says how far the measurements lie apart', () => {
    expect(formatSummary(summarize([10, 20, 300]))).toBe('20.0 ms (10.0 ms to 300 ms, 3 measured)');
  });

  test('a host’s times come from its own activity, whatever ran beside it', () => {
    const events: readonly Event[] = [
      event(5, 1_000, { activityTaskScheduledEventAttributes: { activityType: { name: 'orderHost' } } }),
      event(6, 1_001, { activityTaskScheduledEventAttributes: { activityType: { name: 'probeHost' } } }),
      event(7, 1_003, { activityTaskStartedEventAttributes: { scheduledEventId: long(6) } }),
      event(8, 1_004, { activityTaskStartedEventAttributes: { scheduledEventId: long(5) } }),
      event(9, 1_020, { activityTaskCompletedEventAttributes: { scheduledEventId: long(5) } }),
    ];

    expect(hostTimes(events)).toEqual([{ scheduled: 1_000, started: 1_004, completed: 1_020 }]);
  });

  test('a host whose order never ended is left out', () => {
    const events = [event(5, 0, { activityTaskScheduledEventAttributes: { activityType: { name: 'orderHost' } } })];

    expect(hostTimes(events)).toEqual([]);
  });
});

type Long = NonNullable<Event['eventId']>;

function event(id: number, ms: number, attributes: Partial<Event>): Event {
  return {
    eventId: long(id),
    eventTime: { seconds: long(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 },
    ...attributes,
  };
}

/** The wire's 64-bit numbers are objects; only their text is read. */
function long(value: number): Long {
  return {
    low: value,
    high: 0,
    unsigned: false,
    toString: () => String(value),
    valueOf: () => value,
  } as unknown as Long;
}
