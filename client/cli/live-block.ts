import { styleText } from 'node:util';
import type { Line } from './progress-lines.ts';

/** Lines at the terminal's lower end that are redrawn in place. */
export interface LiveBlock {
  draw(lines: readonly Line[]): void;
  /** Leaves what was drawn last where it is. */
  end(): void;
}

const STYLES = {
  plain: null,
  strong: 'bold',
  quiet: 'dim',
  working: 'cyan',
  good: 'green',
  bad: 'red',
} as const;

/** What a block needs of a terminal. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly write: (text: string) => unknown;
  readonly hasColors: () => boolean;
}

/** Columns and rows of a terminal that doesn't say. */
const FALLBACK = { columns: 80, rows: 24 };
/** Returns to the line's start and clears from there to the screen's end. */
const CLEAR_BELOW = '\r\u001b[J';
const up = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}A`);

/** One write a frame, so that nothing flickers; lines are cut at the terminal's width, so that a line is a row. */
export function createLiveBlock(stream: Terminal): LiveBlock {
  let drawn = 0;
  return {
    draw: (lines) => {
      const columns = stream.columns > 0 ? stream.columns : FALLBACK.columns;
      const rows = stream.rows > 0 ? stream.rows : FALLBACK.rows;
      const shown = fit(lines, rows - 1);
      const text = shown.map((line) => `${paint(cut(line, columns), stream)}\n`).join('');
      stream.write(`${up(drawn)}${CLEAR_BELOW}${text}`);
      drawn = shown.length;
    },
    end: () => {
      drawn = 0;
    },
  };
}

/** Cuts a line that is longer than the terminal is wide. */
export function cut(line: Line, columns: number): Line {
  return line.text.length <= columns ? line : { ...line, text: `${line.text.slice(0, columns - 1)}…` };
}

/** Keeps the head and says how many lines don't fit. */
export function fit(lines: readonly Line[], rows: number): readonly Line[] {
  if (lines.length <= rows) return lines;
  const shown = lines.slice(0, Math.max(1, rows - 1));
  return [...shown, { text: `  … and ${lines.length - shown.length} lines more`, tone: 'quiet' }];
}

function paint({ text, tone }: Line, stream: Terminal): string {
  const style = STYLES[tone];
  return style === null || !stream.hasColors() ? text : styleText(style, text);
}
