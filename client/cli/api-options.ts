import { Option, type Command } from 'commander';
import type { ApiAccess } from '../remote/access.ts';
import { exitCodes, fail } from './exit.ts';

/** Options by which a command goes through an API, and the variables that say the same. */
const options = [
  ['--api <url>', 'REFIT_API_URL', 'go through an API at this address instead of straight to Temporal, etcd and hosts'],
  ['--token-file <file>', 'REFIT_API_TOKEN_FILE', 'file with the token for it'],
  ['--api-ca <file>', 'REFIT_API_CA_FILE', 'authority of its certificate, as PEM (default: those of the system)'],
  ['--api-client-cert <file>', 'REFIT_API_CLIENT_CERT_FILE', 'certificate to show to it, as PEM'],
  ['--api-client-key <file>', 'REFIT_API_CLIENT_KEY_FILE', 'its key, as PEM'],
] as const;

/** Commands that work on this machine, or are the API's own. */
const LOCAL: readonly string[] = [
  ...['lab', 'worker', 'dev', 'api', 'token', 'host', 'upgrader', 'bus'],
  ...['release build', 'release schema'],
];

/** Options that take a value, among those that may stand in front of a command. */
export const apiOptionNames: readonly string[] = options.map(([flags]) => longOf(flags));

/** On the program all of them are told; on a command they are taken, and the help tells the first. */
export function addApiOptions(command: Command, isProgram: boolean): void {
  for (const [flags, variable, description] of options) {
    if (command.options.some((option) => option.long === longOf(flags))) continue;
    const option = new Option(flags, `${description} (or ${variable})`);
    command.addOption(isProgram || flags.startsWith('--api <') ? option : option.hideHelp());
  }
}

/** What was typed wins over variables. Ends the command where it can't go through an API. */
export function applyApiOptions(command: Command): void {
  const given = command.optsWithGlobals<Readonly<Record<string, unknown>>>();
  const fleet = given['fleet'];
  for (const [flags, variable] of options) {
    const value = given[new Option(flags).attributeName()];
    if (typeof value === 'string') process.env[variable] = value;
  }
  if (typeof given['api'] === 'string') {
    const name = nameOf(command);
    if (isLocal(name)) fail(exitCodes.wrongInput, `refit ${name} does not go through an API; leave out --api`);
    if (typeof fleet === 'string') {
      const instead = 'to name a fleet of the API, end its address in /v1/fleets/NAME';
      fail(exitCodes.wrongInput, `--fleet names a file of this machine, and --api an API; leave out one; ${instead}`);
    }
  } else if (typeof fleet === 'string') {
    // Who names a fleet file means it, whatever the shell has been told for other commands.
    delete process.env['REFIT_API_URL'];
  }
}

/** null: this command goes straight. */
export function apiFromEnvironment(env: NodeJS.ProcessEnv = process.env): ApiAccess | null {
  const valueOf = (name: string): string | null => (env[name] ?? '') || null;
  const url = valueOf('REFIT_API_URL');
  if (url === null) return null;
  const [certFile, keyFile] = [valueOf('REFIT_API_CLIENT_CERT_FILE'), valueOf('REFIT_API_CLIENT_KEY_FILE')];
  if ((certFile === null) !== (keyFile === null)) {
    fail(exitCodes.wrongInput, 'expected --api-client-cert and --api-client-key together');
  }
  return {
    ...{ url, tokenFile: valueOf('REFIT_API_TOKEN_FILE'), caFile: valueOf('REFIT_API_CA_FILE') },
    client: certFile === null || keyFile === null ? null : { certFile, keyFile },
  };
}

function longOf(flags: string): string {
  return flags.slice(0, flags.indexOf(' '));
}

/** `release build`. */
function nameOf(command: Command): string {
  const above = command.parent === null || command.parent.parent === null ? '' : `${nameOf(command.parent)} `;
  return `${above}${command.name()}`;
}

const isLocal = (name: string): boolean => LOCAL.some((local) => name === local || name.startsWith(`${local} `));
