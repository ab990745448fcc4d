import type { Command } from 'commander';

/** Where a command's words go: with --json people's text is on stderr, and stdout has one document. */
export type Output = {
  readonly json: boolean;
  /** The stream for people. */
  readonly people: NodeJS.WriteStream;
  say(line: string): void;
  document(value: unknown): void;
};

/** Options that every command has. */
export type CommonOptions = { readonly json?: boolean };

let isDocumentPrinted = false;

export function outputOf({ json = false }: CommonOptions): Output {
  const people = json ? process.stderr : process.stdout;
  return {
    json,
    people,
    say: (line) => void people.write(`${line}\n`),
    document: (value) => {
      isDocumentPrinted = true;
      process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
  };
}

/** With --json a refused or failed command says so in a document, too, unless it has printed its own. */
export function documentProblem(exitCode: number, message: string): void {
  if (!isDocumentPrinted) process.stdout.write(`${JSON.stringify({ error: message, exitCode }, null, 2)}\n`);
}

/** Adds examples to a command's help. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`);
}
