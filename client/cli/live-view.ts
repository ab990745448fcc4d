import type { Progress } from '../../model/upgrade.ts';
import { createLiveBlock } from './live-block.ts';
import { changeLines, progressLines, type Line } from './progress-lines.ts';
import { formatDuration } from './quantity.ts';

/** Shows an upgrade to a person while it runs. */
export interface LiveView {
  show(progress: Progress): void;
  trouble(message: string, since: number): void;
  end(): void;
}

/** On a terminal a block that is redrawn, a line a host; elsewhere a line for every change. */
export function createLiveView(stream: NodeJS.WriteStream): LiveView {
  return stream.isTTY ? terminalView(stream) : logView(stream);
}

function terminalView(stream: NodeJS.WriteStream): LiveView {
  const block = createLiveBlock(stream);
  let last: readonly Line[] = [];
  return {
    show: (progress) => {
      last = progressLines(progress, Date.now());
      block.draw(last);
    },
    trouble: (message, since) => {
      const text = `${message}; still trying, for ${formatDuration(Date.now() - since)} now (what runs on the hosts runs on)`;
      block.draw([{ text, tone: 'bad' }, ...last]);
    },
    end: () => block.end(),
  };
}

function logView(stream: NodeJS.WriteStream): LiveView {
  let last: Progress | null = null;
  let trouble: number | null = null;
  return {
    show: (progress) => {
      for (const line of changeLines(last, progress)) stream.write(`${line}\n`);
      last = progress;
      trouble = null;
    },
    trouble: (message, since) => {
      if (trouble !== since) stream.write(`${message}; still trying (what runs on the hosts runs on)\n`);
      trouble = since;
    },
    end: () => undefined,
  };
}
