import { agentTransitions, isAtWork, type AgentPhase } from '../../model/agent-phase.ts';
import { assert } from '../../model/assert.ts';
import type { Order } from '../../model/bus.ts';
import type { Clock } from '../../model/ports.ts';
import type { Disk } from '../ports.ts';
import { acceptedWork, foldRecord } from './fold.ts';
import { emptyTail, encodeRecord, MAX_JOURNAL_BYTES, type JournalTail } from './journal.ts';
import { readDisk } from './reading.ts';
import type { Accepted, Answered, JournalBody } from './records.ts';
import { currentWork, emptyState, installedRelease, phaseOf, workPhase, type AgentState, type Work } from './state.ts';
import { undoableWorks } from './undoable.ts';

/**
 * The state and the journals that it comes from, never one without the other.
 *
 * 1. What `append`, `accept` and `answer` returned from is on the disk. When they throw, state and disk are as before.
 * 2. `note` changes the state only: for what costs nothing to find out again.
 * 3. Opening drops a torn last record; any other damage makes the state corrupt and leaves every file as it is.
 */
export class Ledger {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #tails = new Map<string, JournalTail & { readonly sizeBytes: number }>();
  #state: AgentState = emptyState;

  constructor(disk: Disk, clock: Clock, onChange: () => void) {
    this.#disk = disk;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#open();
  }

  get state(): AgentState {
    return this.#state;
  }

  accept(body: Accepted): void {
    assert(!isAtWork(phaseOf(this.#state)), `an order was accepted while ${phaseOf(this.#state)}`);
    this.#prune();
    const journal = journalName(body.order);
    const at = this.#write(journal, emptyTail(journal), body);
    this.#set(acceptedWork(journal, at, body));
  }

  append(body: JournalBody, journal = this.#current().journal): void {
    const tail = this.#tails.get(journal);
    assert(tail !== undefined, `no journal ${journal} to append to`);
    const at = this.#write(journal, tail, body);
    this.#fold(journal, at, body);
  }

  /** Folds a record that need not outlive the process. */
  note(body: JournalBody, journal = this.#current().journal): void {
    this.#fold(journal, this.#clock.now(), body);
  }

  /** An answer that the disk does not take is given all the same: it promises that nothing was done. */
  answer(answered: Answered): void {
    this.#state = { ...this.#state, answered };
    try {
      this.#disk.write('answered.json', `${JSON.stringify(answered)}\n`);
    } finally {
      this.#onChange();
    }
  }

  /** Keeps `installed.json` what the journals say; they are the truth, it is for others to read. */
  publishInstalled(): void {
    const text = `${JSON.stringify(installedRelease(this.#state))}\n`;
    if (this.#disk.read('installed.json') !== text) this.#disk.write('installed.json', text);
  }

  #open(): void {
    const { state, tails, torn } = readDisk(this.#disk);
    this.#state = state;
    for (const [name, tail] of tails) this.#tails.set(name, tail);
    for (const [name, sizeBytes] of torn) {
      if (sizeBytes === 0) this.#disk.removeJournal(name);
      else this.#disk.truncate(name, sizeBytes);
    }
  }

  #write(journal: string, tail: JournalTail & { readonly sizeBytes?: number }, body: JournalBody): number {
    const at = this.#clock.now();
    const encoded = encodeRecord(tail, at, body);
    const sizeBytes = (tail.sizeBytes ?? 0) + Buffer.byteLength(encoded.line);
    assert(sizeBytes <= MAX_JOURNAL_BYTES, `journal ${journal} grows beyond ${MAX_JOURNAL_BYTES} bytes`);
    this.#disk.append(journal, encoded.line);
    this.#tails.set(journal, { ...encoded.tail, sizeBytes });
    return at;
  }

  #fold(journal: string, at: number, body: JournalBody): void {
    const work = this.#state.works.find((one) => one.journal === journal);
    assert(work !== undefined, `no work for journal ${journal}`);
    const next = foldRecord(work, at, body);
    assertPath(workPhase(work), workPhase(next));
    this.#set(next);
  }

  #set(work: Work): void {
    const others = this.#state.works.filter((one) => one.journal !== work.journal);
    const works = [...others, work].sort((a, b) => (a.journal < b.journal ? -1 : 1));
    this.#state = { ...this.#state, works };
    this.#onChange();
  }

  /** Forgets what no undo needs, but for the current work. */
  #prune(): void {
    const current = currentWork(this.#state);
    const undoable = undoableWorks(this.#state);
    const kept = this.#state.works.filter((work) => work === current || undoable.includes(work));
    for (const { journal } of this.#state.works.filter((work) => !kept.includes(work))) {
      this.#disk.removeJournal(journal);
      this.#tails.delete(journal);
    }
    this.#state = { ...this.#state, works: kept };
  }

  #current(): Work {
    const work = currentWork(this.#state);
    assert(work !== null, 'there is no work to journal');
    return work;
  }
}

/** Sorts as the orders do. */
const journalName = (order: Order): string =>
  `${String(order.epoch).padStart(NUMBER_DIGITS, '0')}-${String(order.sequence).padStart(NUMBER_DIGITS, '0')}`;

/** Digits of the largest whole number that JSON carries exactly. */
const NUMBER_DIGITS = 16;

/** One record may pass through a phase that lasts no time, such as installing when there is no step to install. */
function assertPath(from: AgentPhase, to: AgentPhase): void {
  const direct: readonly AgentPhase[] = agentTransitions[from];
  const reachable = from === to || direct.includes(to) || direct.some((via) => leadsTo(via, to));
  assert(reachable, `transition not allowed: ${from} to ${to}`);
}

function leadsTo(from: AgentPhase, to: AgentPhase): boolean {
  const allowed: readonly AgentPhase[] = agentTransitions[from];
  return allowed.includes(to);
}
