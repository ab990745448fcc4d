import { assert } from './assert.ts';

/** The state after a change that the table of transitions allows; to stay as it is is always allowed. */
export function advance<State extends string>(
  table: Readonly<Record<State, readonly string[]>>,
  from: State,
  to: State,
): State {
  assert(from === to || table[from].includes(to), `transition not allowed: ${from} to ${to}`);
  return to;
}
