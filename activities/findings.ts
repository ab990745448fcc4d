import type { Finding } from '../model/upgrade.ts';
import { MAX_FINDINGS } from './activities.ts';

/** All findings of one answer, texts alone; characters. An answer stays under 16 kB. */
const FINDINGS_LENGTH = 10_000;
/** Bounds of one text of a finding, of which there are two; characters. */
const TEXT_LENGTH = { least: 90, most: 600 } as const;

/** Errors first, then as many as fit, at most MAX_FINDINGS; the last says how many more there are. */
export function boundFindings(
  findings: readonly Finding[],
  label: string,
  allLength = FINDINGS_LENGTH,
): readonly Finding[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const sorted = [...errors, ...findings.filter(({ severity }) => severity === 'warning')];
  const most = Math.max(1, Math.min(MAX_FINDINGS, Math.floor(allLength / (2 * TEXT_LENGTH.least))));
  const fair = Math.floor(allLength / (2 * Math.min(sorted.length, most)));
  const length = Math.min(TEXT_LENGTH.most, Math.max(TEXT_LENGTH.least, fair));
  const short = sorted.map((one) => ({ ...one, what: shorten(one.what, length), remedy: shorten(one.remedy, length) }));
  if (short.length <= most) return short;
  const more = short.length - (most - 1);
  const severity = errors.length >= most ? 'error' : 'warning';
  const last: Finding = {
    ...{ host: null, severity },
    what: `${more} more findings for ${label}`,
    remedy: 'mend these first, then try again',
  };
  return [...short.slice(0, most - 1), last];
}

const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
