import type { AgentContext } from './context.ts';
import type { JournalBody } from './records.ts';

/** For the way back: a full disk gives up its reserve, and if that is not enough the work goes on without a record. */
export function appendOrNote(context: AgentContext, body: JournalBody, journal?: string): void {
  try {
    context.ledger.append(body, journal);
  } catch (error) {
    context.ports.log('journal failed', { error: String(error) });
    context.ports.disk.freeReserve();
    appendOnceMore(context, body, journal);
  }
}

function appendOnceMore(context: AgentContext, body: JournalBody, journal?: string): void {
  try {
    context.ledger.append(body, journal);
  } catch (error) {
    context.ports.log('journal failed, going on without', { error: String(error) });
    context.ledger.note(body, journal);
  }
}
