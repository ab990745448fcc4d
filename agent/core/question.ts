import type { HostStep } from '../host-work.ts';
import type { AgentContext } from './context.ts';
import { orderPlace, StepProblem } from './install.ts';
import type { Work } from './state.ts';

export type Asking = Pick<Work, 'order' | 'host' | 'before'>;
type Question = { readonly step: HostStep; readonly text: string };

/** What an operator has to say before the first step begins, so that nothing is undone for want of it; null: nothing. */
export async function findQuestion(
  context: AgentContext,
  asking: Asking,
  signal: AbortSignal,
): Promise<Question | null> {
  for (const [index, step] of asking.host.steps.entries()) {
    const place = { ...orderPlace(context, asking), journal: 'probe', index, before: null, signal };
    const text = await context.ports.steps.question(step, place);
    if (text !== null) return { step, text };
  }
  return null;
}

/** Its turn has come; since the order was accepted somebody may have edited a file. */
export async function begin(context: AgentContext, work: Work, signal: AbortSignal): Promise<void> {
  const question = await findQuestion(context, work, signal);
  signal.throwIfAborted();
  if (question !== null) throw new StepProblem(question.step.id, 'failed', { message: question.text });
  context.ledger.append({ type: 'begun' });
}
