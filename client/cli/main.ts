import { Command, CommanderError } from 'commander';
import { WrongInput } from '../fleet-client.ts';
import { Unreachable } from '../unreachable.ts';
import { addApiOptions, applyApiOptions } from './api-options.ts';
import { commandsFor, type LazyCommand } from './commands.ts';
import { CliExit, exitCodes, type ExitCode } from './exit.ts';
import { documentProblem } from './output.ts';

async function main(argv: readonly string[]): Promise<void> {
  const isJson = argv.slice(0, endOfOptions(argv)).includes('--json');
  try {
    const program = createProgram();
    for (const command of commandsFor(argv)) await add(program, command);
    addCommonOptions(program);
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, isJson);
  }
}

function createProgram(): Command {
  return new Command('refit')
    .description('upgrades a fleet of container hosts from container images, as durable workflows')
    .exitOverride()
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', EPILOGUE);
}

const EPILOGUE = `
Examples:
  refit lab up                                        four real hosts on this machine
  refit upgrade registry.lab:5000/sample:2.0.0        the whole fleet, followed live
  refit upgrades watch lab-1                          open the live view again
  refit upgrade --help                                every command has examples
  refit --api https://refit.example:7280 --token-file ~/.refit-token upgrades
                                                      the same commands through an API

Exit codes: 0 done · 1 the upgrade failed or was rolled back · 2 wrong input, nothing was changed ·
3 a service can't be reached · 4 waiting for an operator
`;

async function add(program: Command, { name, group, summary, load }: LazyCommand): Promise<void> {
  program.commandsGroup(group);
  if (load === null) program.command(name).description(summary);
  else (await load())(program);
}

/** Every command that does something takes them, before or after its name. */
function addCommonOptions(program: Command): void {
  const takesFleet = (command: Command): boolean => command.name() !== 'lab' && command.parent?.name() !== 'lab';
  for (const command of [program, ...leaves(program)]) {
    const has = (long: string): boolean => command.options.some((option) => option.long === long);
    if (!has('--json') && command.name() !== 'exec') command.option('--json', 'one JSON document on standard output');
    if (!has('--fleet') && takesFleet(command))
      command.option('--fleet <file>', 'the fleet file (default: REFIT_FLEET, else .refit/fleet.yaml)');
    if (takesFleet(command)) addApiOptions(command, command === program);
  }
  program.hook('preAction', (_, command) => {
    const { json, fleet } = command.optsWithGlobals<{ json?: boolean; fleet?: string }>();
    if (json === true) command.setOptionValue('json', true);
    if (fleet !== undefined) process.env['REFIT_FLEET'] = fleet;
    applyApiOptions(command);
  });
}

const leaves = (command: Command): readonly Command[] =>
  command.commands.flatMap((each) => (each.commands.length === 0 ? [each] : leaves(each)));

/** Prints what went wrong to people, and to programs that asked for it. */
function report(error: unknown, isJson: boolean): number {
  if (error instanceof CommanderError) return reportUsage(error, isJson);
  const { exitCode, message } = explain(error);
  process.stderr.write(`${message}\n`);
  if (process.env['REFIT_DEBUG'] !== undefined) console.error(error);
  if (isJson) documentProblem(exitCode, message);
  return exitCode;
}

/** The parser has told people already. */
function reportUsage({ exitCode, message }: CommanderError, isJson: boolean): number {
  if (exitCode === 0) return exitCodes.done;
  if (isJson) documentProblem(exitCodes.wrongInput, message);
  return exitCodes.wrongInput;
}

function explain(error: unknown): { readonly exitCode: ExitCode; readonly message: string } {
  if (error instanceof CliExit) return error;
  if (error instanceof WrongInput) return { exitCode: exitCodes.wrongInput, message: error.message };
  if (error instanceof Unreachable) return { exitCode: exitCodes.unreachable, message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  return { exitCode: exitCodes.failed, message: `refit failed unexpectedly: ${message} (REFIT_DEBUG=1 shows where)` };
}

/** What stands behind `--` belongs to another program. */
const endOfOptions = (argv: readonly string[]): number => (argv.includes('--') ? argv.indexOf('--') : argv.length);

/** As the shell has it for a program that writes to a pipe that nobody reads any more. */
const UNREAD = 141;

/** `refit upgrades | head` has what it wanted; what was started goes on without whoever watched it. */
function endUnread(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(UNREAD);
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', endUnread);
await main(process.argv.slice(2));
