import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDisk } from '../core/reading.ts';
import type { AgentState } from '../core/state.ts';
import type { Places } from '../places.ts';

const SUFFIX = '.jsonl';

/**
 * What the agent's journals add up to, read beside the agent at work. Nothing is written, not even the reserve that
 * `openDisk` keeps: an agent on its way back on a full disk may have given it away a moment ago.
 */
export function readJournals(places: Places): AgentState {
  const names = existsSync(places.journal) ? readdirSync(places.journal) : [];
  const journals = names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
  const { state } = readDisk({
    journals: () => journals.sort(),
    readJournal: (name) => readText(join(places.journal, `${name}${SUFFIX}`)) ?? '',
    read: (name) => readText(join(places.state, name)),
  });
  return state;
}

/** null: there is no such file, any more: the agent removes journals that nothing needs. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
