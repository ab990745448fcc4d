import { createLiveBlock } from './live-block.ts';
import type { Line } from './progress-lines.ts';
import { formatDuration } from './quantity.ts';

/** How something that runs is put into words. Both are pure. */
export type Wording<Look> = {
  /** All of it at one moment. */
  readonly lines: (look: Look, now: number) => readonly Line[];
  /** What is new since the last look, for a log that can't be redrawn. */
  readonly changes: (before: Look | null, after: Look) => readonly string[];
};

/** Shows to a person what runs. */
export interface LiveView<Look> {
  show(look: Look): void;
  trouble(message: string, since: number): void;
  end(): void;
}

/** On a terminal a block that is redrawn; elsewhere a line for every change. */
export function createLiveView<Look>(stream: NodeJS.WriteStream, wording: Wording<Look>): LiveView<Look> {
  return stream.isTTY ? terminalView(stream, wording) : logView(stream, wording);
}

function terminalView<Look>(stream: NodeJS.WriteStream, { lines }: Wording<Look>): LiveView<Look> {
  const block = createLiveBlock(stream);
  let last: readonly Line[] = [];
  return {
    show: (look) => {
      last = lines(look, Date.now());
      block.draw(last);
    },
    trouble: (message, since) => {
      const text = `${message}; still trying, for ${formatDuration(Date.now() - since)} now (what runs on the hosts runs on)`;
      block.draw([{ text, tone: 'bad' }, ...last]);
    },
    end: () => block.end(),
  };
}

function logView<Look>(stream: NodeJS.WriteStream, { changes }: Wording<Look>): LiveView<Look> {
  let last: Look | null = null;
  let trouble: number | null = null;
  return {
    show: (look) => {
      for (const line of changes(last, look)) stream.write(`${line}\n`);
      last = look;
      trouble = null;
    },
    trouble: (message, since) => {
      if (trouble !== since) stream.write(`${message}; still trying (what runs on the hosts runs on)\n`);
      trouble = since;
    },
    end: () => undefined,
  };
}
