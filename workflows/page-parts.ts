import type { Decision, Finding, Waiting } from '../model/upgrade.ts';

const MAX_CELL_LENGTH = 160;
const MAX_FINDINGS = 40;
const MAX_WAITS = 20;
const LAST_DECISIONS = 5;
/** Longest page; characters. Temporal's bound is 20 kB, and a character may take more than one byte. */
const MAX_PAGE_LENGTH = 16_000;

/** One Markdown page of an upgrade, short enough for Temporal. */
export function fitPage(parts: readonly string[]): string {
  const page = parts.join('\n\n');
  return page.length <= MAX_PAGE_LENGTH ? page : `${page.slice(0, MAX_PAGE_LENGTH)}…`;
}

export const cell = (text = ''): string => text.slice(0, MAX_CELL_LENGTH).replaceAll('|', '/').replaceAll('\n', ' ');

export const waitLines = (waiting: readonly Waiting[]): readonly string[] => [
  ...waiting
    .slice(0, MAX_WAITS)
    .map(
      ({ what, since, until, movedOnBy }) =>
        `- waits for ${what}, since ${time(since)}${until === null ? '' : `, until ${time(until)} at most`}; moved on by: ${movedOnBy}`,
    ),
  ...(waiting.length > MAX_WAITS ? [`- and ${waiting.length - MAX_WAITS} more waits`] : []),
];

/** `about`: what a finding that names no host is about. */
export const findingLines = (findings: readonly Finding[], about: string): readonly string[] =>
  findings
    .slice(0, MAX_FINDINGS)
    .map(({ host, severity, what, remedy }) => `- ${severity}: ${host ?? about}: ${what}; ${remedy}`);

export const decisionLines = (decisions: readonly Decision[]): readonly string[] =>
  decisions
    .slice(-LAST_DECISIONS)
    .map(({ at, decision, because, by }) => `- ${time(at)} ${by}: ${decision}, because ${because}`);

const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
