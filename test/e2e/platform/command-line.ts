import { join } from 'node:path';
import { execa } from 'execa';
import type { Lab } from '../../../lab/lab.ts';

/** What is waited for by asking again and again: each is a program of its own, and takes from what it asks about; ms. */
export const LOOK_EVERY_MS = 1_000;

export type Answer = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** The command line as an operator would run it, against one lab. */
export type CommandLine = {
  readonly refit: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Answer>;
  /** The JSON document that a command answers with; fails with everything it said when the exit code is another. */
  readonly json: <Document>(args: readonly string[], exitCode?: number) => Promise<Document>;
};

/** `timeoutMs`: longest that one command may take. */
export function commandLine(lab: Lab, timeoutMs: number): CommandLine {
  const program = join(import.meta.dirname, '../../../bin/refit.mjs');
  const refit: CommandLine['refit'] = async (args, env = {}) => {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [program, ...args], {
      env: { REFIT_FLEET: lab.paths.fleetFile, REFIT_LAB: lab.name, ...env },
      ...{ reject: false, timeout: timeoutMs, stdin: 'ignore' },
    });
    return { exitCode: exitCode ?? -1, stdout, stderr };
  };
  return {
    refit,
    json: async <Document>(args: readonly string[], exitCode = 0): Promise<Document> => {
      const answer = await refit([...args, '--json']);
      if (answer.exitCode === exitCode) return JSON.parse(answer.stdout) as Document;
      const said = [answer.stdout, answer.stderr].join('\n');
      throw new Error(`refit ${args.join(' ')}: expected exit code ${exitCode}, got ${answer.exitCode}\n${said}`);
    },
  };
}
