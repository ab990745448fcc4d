import type { Command } from 'commander';
import { spawn } from 'node:child_process';
import { CliExit, exitCodes } from './exit.ts';
import { workerArguments } from './worker-program.ts';

/** Signals that a worker drains on. The terminal sends them to both; a service manager to this process only. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** `refit worker`: a worker of the fleet in the foreground. */
export function registerWorker(program: Command): void {
  program
    .command('worker')
    .description('run a worker of the fleet in the foreground; any number of them may run')
    .addHelpText('after', '\nExamples:\n  refit worker\n  refit worker --fleet /etc/refit/fleet.yaml\n')
    .action(runWorker);
}

async function runWorker(): Promise<void> {
  const child = spawn(process.execPath, workerArguments(), { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed);
    child.on('exit', done);
  });
  for (const signal of FORWARDED) process.off(signal, forward);
  if (code === 0) return;
  const exitCode = code === 2 ? exitCodes.wrongInput : code === 3 ? exitCodes.unreachable : exitCodes.failed;
  throw new CliExit(
    exitCode,
    `the worker ended with ${code === null ? 'a signal' : `exit code ${code}`}; its log is above`,
  );
}
