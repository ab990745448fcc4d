import { assert } from '../../model/assert.ts';

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** `10m` in ms. The text has the form already. */
export const parseDuration = (text: string): number => parseQuantity(text, MS);

/** `1GiB` in bytes. The text has the form already. */
export const parseSize = (text: string): number => parseQuantity(text, BYTES);

/** `2%` as 0.02. The text has the form already. */
export const parseShare = (text: string): number => Number(text.slice(0, -1)) / 100;

/** `1.5 GiB`, for people. */
export function formatSize(bytes: number): string {
  const unit = ['GiB', 'MiB', 'KiB'].find((name) => bytes >= (BYTES[name] ?? 1)) ?? 'B';
  const amount = bytes / (BYTES[unit] ?? 1);
  return `${amount < 10 && unit !== 'B' ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number {
  const [, amount = '', unit = ''] = /^([\d.]+)([A-Za-z]+)$/.exec(text) ?? [];
  const factor = units[unit];
  assert(factor !== undefined, `a quantity with a known unit, got ${text}`);
  return Math.round(Number(amount) * factor);
}
