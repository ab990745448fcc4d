import { describe, expect, it } from 'vitest';
import { createLiveBlock, cut, fit, type Terminal } from '../../client/cli/live-block.ts';
import type { Line } from '../../client/cli/progress-lines.ts';

const line = (text: string): Line => ({ text, tone: 'plain' });

/** A terminal of a size, without colours, that keeps what is written to it. */
function makeTerminal(columns: number, rows: number): { readonly stream: Terminal; readonly read: () => string } {
  const written: string[] = [];
  const stream: Terminal = { columns, rows, write: (text) => written.push(text), hasColors: () => false };
  return { stream, read: () => written.splice(0).join('') };
}

describe('a block that is redrawn in place', () => {
  it('goes back over exactly the lines it has drawn', () => {
    const { stream, read } = makeTerminal(40, 10);
    const block = createLiveBlock(stream);

    block.draw([line('a'), line('b'), line('c')]);
    expect(read()).toBe('\r\u001b[Ja\nb\nc\n');
    block.draw([line('d')]);
    expect(read()).toBe('\u001b[3A\r\u001b[Jd\n');
    block.draw([line('e'), line('f')]);
    expect(read()).toBe('\u001b[1A\r\u001b[Je\nf\n');
  });

  it('leaves what was drawn where it is once ended', () => {
    const { stream, read } = makeTerminal(40, 10);
    const block = createLiveBlock(stream);

    block.draw([line('a')]);
    block.end();
    read();
    block.draw([line('b')]);

    expect(read()).toBe('\r\u001b[Jb\n');
  });

  it('cuts lines at the width, so that a line is a row', () => {
    expect(cut(line('123456'), 6).text).toBe('123456');
    expect(cut(line('1234567'), 6).text).toBe('12345…');
  });

  it('never draws more rows than the terminal has, and says what is missing', () => {
    const { stream, read } = makeTerminal(40, 5);

    createLiveBlock(stream).draw(Array.from({ length: 20 }, (_, index) => line(`line ${index}`)));

    expect(read().split('\n')).toEqual(['\r\u001b[Jline 0', 'line 1', 'line 2', '  … and 17 lines more', '']);
    expect(fit([line('a'), line('b')], 2)).toHaveLength(2);
  });
});
