import type { Command, CommandOutcome, StandbyCommand } from '../command-upgrade.ts';
import type { Posted } from './call.ts';

/** A command as the API takes it. Who asks is who the token says. */
export function commandDocument({ name, by: _, updateId: __, ...rest }: Command | StandbyCommand): object {
  return { command: name, ...rest };
}

/** What is not there any more is over: nothing has changed. */
export function outcomeOf(posted: Posted<{ readonly message: string }>): CommandOutcome {
  if (posted.outcome === 'done') return { outcome: 'accepted', message: posted.value.message };
  return { outcome: 'refused', because: posted.because };
}
