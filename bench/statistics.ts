/** What a series of measurements comes down to. */
export type Summary = {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
};

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const [least] = sorted;
  const most = sorted.at(-1);
  if (least === undefined || most === undefined) throw new Error('nothing was measured');
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? most;
  const lower = sorted.length % 2 === 1 ? upper : (sorted[middle - 1] ?? least);
  return { median: (lower + upper) / 2, least, most, count: sorted.length };
}

export const formatSummary = ({ median, least, most, count }: Summary): string =>
  `${formatMs(median)} (${formatMs(least)} to ${formatMs(most)}, ${count} measured)`;

export const formatMs = (ms: number): string => `${ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`;
