import type { UpgradeState, Waiting } from '../../model/upgrade.ts';
import type { Line } from './progress-lines.ts';
import { formatDuration } from './quantity.ts';
import { isCommand } from './verdict.ts';

/** A line a wait, and one for each command that can move it on, so that none is cut off. Pure. */
export function waitLines(waiting: readonly Waiting[], now: number): readonly Line[] {
  return waiting.flatMap((wait): readonly Line[] => {
    const bound = wait.until === null ? '' : `, at most ${formatDuration(wait.until - now)} more`;
    const text = `waits for ${wait.what}, since ${formatDuration(now - wait.since)}${bound}${mover(wait)}`;
    const commands = commandsOf([wait]).map((command): Line => ({ text: `  ${command}`, tone: 'plain' }));
    return [{ text, tone: 'working' }, ...commands];
  });
}

/** Waits that were not there at the last look. */
export function waitChanges(before: readonly Waiting[], after: readonly Waiting[]): readonly string[] {
  const known = new Set(before.map((wait) => wait.what));
  return after.filter((wait) => !known.has(wait.what)).map((wait) => `waits for ${wait.what}${mover(wait)}`);
}

/** What an operator can type, each once. */
export const commandsOf = (waiting: readonly Waiting[]): readonly string[] => [
  ...new Set(waiting.flatMap((wait) => wait.movedOnBy.split(' | ')).filter(isCommand)),
];

/** What the operator of an upgrade that is paused or waits can do; `otherwise`: commands for waits that name none. */
export function waitMessage(
  { id, state, waiting }: { readonly id: string; readonly state: UpgradeState; readonly waiting: readonly Waiting[] },
  otherwise: readonly string[] = [],
): string {
  const whats = waiting.map((wait) => wait.what).join(', ');
  const head = state === 'paused' ? `upgrade ${id} is paused` : `upgrade ${id} waits for ${whats || 'an operator'}`;
  const named = commandsOf(waiting);
  const commands = named.length === 0 ? otherwise : named;
  return [head, ...(commands.length === 0 ? [] : ['what can be done:']), ...commands.map((each) => `  ${each}`)].join(
    '\n',
  );
}

/** Commands have lines of their own. */
export const mover = ({ movedOnBy }: Waiting): string => (isCommand(movedOnBy) ? '' : `; moved on by: ${movedOnBy}`);
