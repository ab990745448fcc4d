import type { AgentContext } from './context.ts';
import type { JournalBody } from './records.ts';

/** A full disk gives up the room that is kept for the way back. Throws when that is not enough. */
export function appendOrFreeRoom(context: AgentContext, body: JournalBody, journal?: string): void {
  try {
    context.ledger.append(body, journal);
  } catch (error) {
    context.ports.log('journal failed', { error: String(error) });
    context.ports.disk.freeReserve();
    context.ledger.append(body, journal);
  }
}

/** For the way back, which goes on without a record when there is no room for one. */
export function appendOrNote(context: AgentContext, body: JournalBody, journal?: string): void {
  try {
    appendOrFreeRoom(context, body, journal);
  } catch (error) {
    context.ports.log('journal failed, going on without', { error: String(error) });
    context.ledger.note(body, journal);
  }
}
