import type { KernelLab } from './kernel-lab.ts';

/** One record of the host's newest journal, as far as times need it. */
export type JournalLine = {
  /** By the host's clock; ms since the epoch. */
  readonly at: number;
  readonly body: { readonly type: string; readonly index?: number; readonly phase?: string };
};

/** Where the time of one host's upgrade went; s. */
export type TimeSplit = { readonly install: number; readonly restart: number; readonly verify: number };

const NEWEST = 'cat "$(ls /var/lib/refit/journal/*.jsonl | tail -n 1)"';

export async function journalOf({ onHost }: Pick<KernelLab, 'onHost'>, host: string): Promise<readonly JournalLine[]> {
  const text = await onHost(host, NEWEST);
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as JournalLine);
}

/** With a tenth of a second. */
export const seconds = (ms: number): number => Math.round(ms / 100) / 10;

/** A kernel step is three of the host's: install, restart, confirm. */
export function timeSplit(lines: readonly JournalLine[]): TimeSplit {
  const at = (type: string, index?: number): number => {
    const found = lines.find(({ body }) => body.type === type && body.index === index);
    if (found === undefined) throw new Error(`the journal has no ${type} of step ${index ?? 'none'}`);
    return found.at;
  };
  return {
    install: seconds(at('stepFinished', 0) - at('stepStarted', 0)),
    restart: seconds(at('stepFinished', 1) - at('stepStarted', 1)),
    verify: seconds(at('finished') - at('stepFinished', 1)),
  };
}
