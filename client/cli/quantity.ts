import { InvalidArgumentError } from 'commander';
import { parseAmount, type Amount } from '../../model/policy.ts';

const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const BYTES_PER: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
/** Longest time that an option may give; ms. A timer can't count beyond 24 days. */
const MAX_DURATION_MS = 24 * 24 * 3_600_000;

/** `90s`, `1.5h`; ms. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text.trim());
  const ms = Math.round(Number(match?.[1]) * (MS_PER[match?.[2] ?? ''] ?? Number.NaN));
  if (match === null || ms > MAX_DURATION_MS)
    throw new InvalidArgumentError('Expected a time such as 500ms, 90s, 30m or 2h.');
  return ms;
}

/** `512MiB`, `4GB`; bytes. */
export function parseSize(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)\s?([A-Za-z]*)$/.exec(text.trim());
  const bytes = Math.round(Number(match?.[1]) * (BYTES_PER[match?.[2] ?? ''] ?? Number.NaN));
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('Expected a size such as 512MiB or 4GB.');
  return bytes;
}

export function parseAmountOption(text: string): Amount {
  try {
    return parseAmount(text);
  } catch {
    throw new InvalidArgumentError('Expected a number of hosts such as 5, or a share such as 25%.');
  }
}

/** `1,5,25%`; at least one, none of them 0. */
export function parseAmounts(text: string): readonly Amount[] {
  const amounts = text.split(',').map(parseAmountOption);
  if (amounts.some((amount) => ('hosts' in amount ? amount.hosts : amount.percent) === 0)) {
    throw new InvalidArgumentError('A wave has at least one host.');
  }
  return amounts;
}

export function parseCount(text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('Expected a number of at least 1.');
  return Number(text);
}

/** `850 ms`, `12s`, `3m 20s`, `2h 5m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3_600)}h ${Math.floor((seconds % 3_600) / 60)}m`;
}

/** `45.2 MB`; powers of ten, as registries count. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
