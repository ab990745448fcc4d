import type { CommandOutcome } from '../command-upgrade.ts';
import type { FoundRun } from '../find-upgrade.ts';
import type { RunId } from '../run-end.ts';
import type { RunLook } from '../run-look.ts';
import { whoAmI } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import type { CommonOptions, Output } from './output.ts';

export type OperateOptions = CommonOptions & { readonly reason?: string; readonly detach?: boolean };

/** What is upgraded by itself, as its operator's commands need it: a service, or a unit. */
export type Operated<Command> = {
  /** `service web`. */
  readonly what: string;
  readonly watchCommand: string;
  /** Begins its first upgrade. */
  readonly beginCommand: string;
  readonly latest: () => Promise<FoundRun | null>;
  readonly look: (run: RunId) => Promise<RunLook<{ readonly state: string }> | null>;
  readonly command: (command: Command) => Promise<CommandOutcome>;
};

/** Its latest upgrade, over or not; without one the command ends. */
export async function knownRun<Command>({ what, beginCommand, latest }: Operated<Command>): Promise<FoundRun> {
  const found = await latest();
  if (found !== null) return found;
  fail(exitCodes.wrongInput, `${what} had no upgrade yet; begin with: ${beginCommand}`);
}

/** Its upgrade at work; without one the command ends. */
export async function runAtWork<Command>(operated: Operated<Command>): Promise<FoundRun> {
  const found = await knownRun(operated);
  if (found.isRunning) return found;
  fail(exitCodes.wrongInput, `upgrade ${found.id} of ${operated.what} is over (${found.state}); nothing was changed`);
}

/** Who asks, and why, as every command carries it. */
export const speakerOf = ({ reason }: OperateOptions): { readonly by: string; readonly reason?: string } => ({
  by: whoAmI(),
  ...(reason !== undefined && { reason }),
});

/** A refusal ends the command. */
export async function sendCommand<Command>(
  { what, watchCommand, command: send }: Operated<Command>,
  { latest, command }: { readonly latest: FoundRun; readonly command: Command },
  output: Output,
): Promise<void> {
  const outcome = await send(command);
  if (outcome.outcome === 'refused') {
    fail(exitCodes.wrongInput, `upgrade ${latest.id} of ${what}: ${outcome.because}; nothing was changed`);
  }
  output.say(`upgrade ${latest.id}: ${outcome.message}; watch it with: ${watchCommand}`);
}

/** The state after a command; null: it can't be told any more. */
export async function stateOf<Command>({ look }: Operated<Command>, { run }: FoundRun): Promise<string | null> {
  const seen = await look(run);
  return seen !== null && 'progress' in seen ? seen.progress.state : null;
}
