import type { SlotTraffic } from './slot-balancer.ts';
import type { SoakPolicy } from './unit.ts';

/** Looks that are kept for the window; at two a second, far more than a window has. */
const MAX_SAMPLES = 2_000;

/** Requests and errors since the cutover at one moment; they never fall. `at`: ms since the epoch. */
export type SoakSample = SlotTraffic & { readonly at: number };

/** What a soak has seen: the balancer's last own count, and the samples of the window, the oldest first. */
export type SoakLog = { readonly counted: SlotTraffic; readonly samples: readonly SoakSample[] };

export const startSoakLog = (baseline: SlotTraffic, at: number): SoakLog => ({
  counted: baseline,
  samples: [{ at, requests: 0, errors: 0 }],
});

/** Takes a balancer's count down. One that fell was counted anew, by a balancer that was restarted: all of it is new. */
export function addCount(log: SoakLog, { at, ...count }: SoakSample, windowMs: number): SoakLog {
  const last = latestSample(log);
  const isAnew = count.requests < log.counted.requests || count.errors < log.counted.errors;
  const before = isAnew ? NOTHING : log.counted;
  const sample: SoakSample = {
    at,
    requests: last.requests + count.requests - before.requests,
    errors: last.errors + count.errors - before.errors,
  };
  // The last from before the window stays: the window's requests are counted from there.
  const outside = log.samples.findLastIndex((one) => one.at <= at - windowMs);
  const kept = log.samples.slice(Math.max(0, outside));
  return { counted: count, samples: [...kept, sample].slice(-MAX_SAMPLES) };
}

export const latestSample = ({ samples }: SoakLog): SoakSample => samples[samples.length - 1] ?? { at: 0, ...NOTHING };

/** Why the share of failed requests is too high, in the window or since the cutover; null: it is not, or too few say anything. */
export function judgeRate(
  log: SoakLog,
  policy: Pick<SoakPolicy, 'maxErrorRate' | 'minRequests' | 'windowMs'>,
): string | null {
  const { maxErrorRate } = policy;
  if (maxErrorRate === null) return null;
  const last = latestSample(log);
  const first = log.samples[0] ?? last;
  const recent = { requests: last.requests - first.requests, errors: last.errors - first.errors };
  const looks = [
    { ...recent, when: `the last ${seconds(last.at - first.at)} s` },
    { requests: last.requests, errors: last.errors, when: 'all since the cutover' },
  ];
  const bad = looks.find(({ requests, errors }) => requests >= policy.minRequests && errors / requests > maxErrorRate);
  if (bad === undefined) return null;
  const { requests, errors, when } = bad;
  return `${errors} of ${requests} requests failed (${when}), that is ${percent(errors / requests)}; at most ${percent(maxErrorRate)} may`;
}

const NOTHING: SlotTraffic = { requests: 0, errors: 0 };
const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1000));
const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;
