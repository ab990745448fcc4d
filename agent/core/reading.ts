import type { Disk } from '../ports.ts';
import { acceptedWork, foldRecord } from './fold.ts';
import { readJournal, type JournalTail } from './journal.ts';
import type { Answered } from './records.ts';
import { emptyState, type AgentState, type Work } from './state.ts';

/** The whole memory of an agent as it lies on the disk, and what a writer has to know to go on; nothing is changed. */
export type Reading = {
  readonly state: AgentState;
  readonly tails: ReadonlyMap<string, JournalTail & { readonly sizeBytes: number }>;
  /** Journals whose last record was never synced; what counts of them. 0: not even the first. */
  readonly torn: ReadonlyMap<string, number>;
};

export function readDisk(disk: Pick<Disk, 'journals' | 'readJournal' | 'read'>): Reading {
  const works: Work[] = [];
  const tails = new Map<string, JournalTail & { readonly sizeBytes: number }>();
  const torn = new Map<string, number>();
  let state = emptyState;
  for (const name of disk.journals()) {
    const reading = readJournal(name, disk.readJournal(name));
    if (!reading.ok) {
      state = { ...state, corrupt: reading.problem };
      continue;
    }
    const [first, ...rest] = reading.records;
    if (first?.body.type !== 'accepted') {
      torn.set(name, 0);
      continue;
    }
    if (reading.torn) torn.set(name, reading.sizeBytes);
    tails.set(name, { ...reading.tail, sizeBytes: reading.sizeBytes });
    const accepted = acceptedWork(name, first.at, first.body);
    works.push(rest.reduce((work, record) => foldRecord(work, record.at, record.body), accepted));
  }
  const answered = readAnswered(disk.read('answered.json'));
  if (!answered.ok) state = { ...state, corrupt: answered.problem };
  return { state: { ...state, works, answered: answered.ok ? answered.answered : null }, tails, torn };
}

type AnsweredReading =
  { readonly ok: true; readonly answered: Answered | null } | { readonly ok: false; readonly problem: string };

/** Written in one step, so it is whole or from before; damage all the same must not stop the agent, only be said. */
function readAnswered(text: string | null): AnsweredReading {
  if (text === null) return { ok: true, answered: null };
  try {
    return { ok: true, answered: JSON.parse(text) as Answered };
  } catch (error) {
    return { ok: false, problem: `answered.json is unreadable: ${String(error)}` };
  }
}
