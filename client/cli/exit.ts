/** What `refit` answers to the shell; DESIGN.md §10 keeps these numbers stable. */
export const exitCodes = { done: 0, failed: 1, wrongInput: 2, unreachable: 3, waiting: 4 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** An outcome that a command reports to the shell: main prints the message and exits with the code. */
export class CliExit extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Ends the command with a message for people. */
export function fail(exitCode: ExitCode, message: string, options?: ErrorOptions): never {
  throw new CliExit(exitCode, message, options);
}
