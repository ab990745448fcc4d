import type { AgentContext } from './context.ts';
import type { JournalBody } from './records.ts';

/** For the way back: a full disk gives up its reserve, and if that is not enough the work goes on without a record. */
export function appendOrNote(context: AgentContext, body: JournalBody): void {
  try {
    context.ledger.append(body);
  } catch (error) {
    context.ports.log('journal failed', { error: String(error) });
    context.ports.disk.freeReserve();
    appendOnceMore(context, body);
  }
}

function appendOnceMore(context: AgentContext, body: JournalBody): void {
  try {
    context.ledger.append(body);
  } catch (error) {
    context.ports.log('journal failed, going on without', { error: String(error) });
    context.ledger.note(body);
  }
}
