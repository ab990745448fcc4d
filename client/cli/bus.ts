import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { createAuthority, NotRoot, type Authority } from '../../drivers/etcd/authority.ts';
import { describeChange, ROOT, type RightsChange } from '../../model/bus-rights.ts';
import type { Fleet, TlsFiles } from '../../model/fleet.ts';
import type { HostId } from '../../model/ids.ts';
import { rightsStanding, type RightsStanding } from '../bus-rights.ts';
import { WrongInput } from '../fleet-client.ts';
import { Unreachable } from '../unreachable.ts';
import { openFleet } from './context.ts';
import { CliExit, exitCodes, fail } from './exit.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';

type RootOptions = CommonOptions & {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
};
type GrantOptions = RootOptions & { readonly prune?: boolean; readonly enforce?: boolean; readonly dryRun?: boolean };

/** `refit bus …`: who may do what with the keys of the fleet. */
export function registerBus(program: Command): void {
  const bus = program.command('bus').description('who may do what with the fleet’s keys in etcd');
  const grant = asRoot(bus.command('grant'))
    .description('give the fleet and each of its hosts a user of etcd, and rights on their own keys alone')
    .option('--prune', 'take their rights from hosts that the fleet file no longer has')
    .option('--enforce', 'let etcd check everybody from now on; others that use it need users of their own before')
    .option('--dry-run', 'only say what would change')
    .action((options: GrantOptions) => withAuthority(options, (opened) => runGrant(opened, options)));
  withExamples(
    grant,
    'refit bus grant --dry-run --cert-file root.pem --key-file root-key.pem',
    'refit bus grant --enforce --cert-file root.pem --key-file root-key.pem',
    'refit bus grant --prune --cert-file root.pem --key-file root-key.pem       after a host has left',
  );
  withExamples(
    asRoot(bus.command('check'))
      .description('say whether etcd has exactly these rights, and checks them; exit code 1 if not')
      .action((options: RootOptions) => withAuthority(options, (opened) => runCheck(opened, options))),
    'refit bus check --cert-file root.pem --key-file root-key.pem',
  );
}

const asRoot = (command: Command): Command =>
  command
    .option('--cert-file <file>', `client certificate of etcd’s user ${ROOT} (default: the fleet file’s)`)
    .option('--key-file <file>', 'its key')
    .option('--ca-file <file>', 'authority of etcd’s own certificates (default: the fleet file’s)');

const namesOf = ({ hosts }: Fleet): readonly HostId[] => hosts.map(({ name }) => name);

type Opened = { readonly fleet: Fleet; readonly authority: Authority; readonly tls: TlsFiles };

async function runGrant({ fleet, authority, tls }: Opened, options: GrantOptions): Promise<void> {
  const output = outputOf(options);
  if (options.enforce === true) expectRoot(tls);
  const standing = await rightsStanding(authority, fleet.fleet, namesOf(fleet));
  const changes = [...standing.changes, ...(options.prune === true ? standing.removals : [])];
  const isDry = options.dryRun === true;
  for (const change of changes) {
    if (!isDry) await authority.apply(change);
    output.say(isDry ? `would ${describeChange(change)}` : describeChange(change));
  }
  const isEnforcing = options.enforce === true && !standing.isEnforced && !isDry;
  if (isEnforcing) await authority.enforce();
  const enforced = standing.isEnforced || isEnforcing;
  for (const line of grantLines(fleet, { ...standing, changes }, { ...options, enforced })) output.say(line);
  if (output.json) output.document({ ...document(fleet, { ...standing, changes }), enforced, dryRun: isDry });
}

function grantLines(
  { fleet }: Fleet,
  { changes, left, identities }: RightsStanding,
  { prune, dryRun, enforced }: GrantOptions & { readonly enforced: boolean },
): readonly string[] {
  const count = `${changes.length} ${changes.length === 1 ? 'change' : 'changes'}`;
  const users = left.map(({ user }) => user).join(', ');
  return [
    changes.length === 0
      ? `fleet ${fleet}: nothing to change for ${identities.length} users`
      : `fleet ${fleet}: ${count}${dryRun === true ? ', none made' : ''}`,
    ...(left.length === 0 || prune === true
      ? []
      : [`not in the fleet file, but still with rights: ${users}; add --prune`]),
    ...(enforced ? [] : ['etcd checks nobody yet: anybody who reaches it may do everything; add --enforce']),
  ];
}

async function runCheck({ fleet, authority }: Opened, options: RootOptions): Promise<void> {
  const output = outputOf(options);
  const standing = await rightsStanding(authority, fleet.fleet, namesOf(fleet));
  const wrong = [...standing.changes, ...standing.removals];
  if (output.json)
    output.document({ ...document(fleet, { ...standing, changes: wrong }), enforced: standing.isEnforced });
  for (const change of wrong) output.say(`needed: ${describeChange(change)}`);
  if (!standing.isEnforced) {
    fail(
      exitCodes.failed,
      'etcd checks nobody: anybody who reaches it may do everything; run: refit bus grant --enforce',
    );
  }
  if (wrong.length > 0) fail(exitCodes.failed, `rights differ in ${wrong.length} points; run: refit bus grant --prune`);
  output.say(
    `fleet ${fleet.fleet}: ${standing.identities.length} users have exactly their rights, and etcd checks them`,
  );
}

const document = ({ fleet }: Fleet, { changes, left }: RightsStanding): object => ({
  fleet,
  changes: changes.map((change): RightsChange & { readonly text: string } => ({
    ...change,
    text: describeChange(change),
  })),
  left: left.map(({ user }) => user),
});

async function withAuthority(options: RootOptions, work: (opened: Opened) => Promise<void>): Promise<void> {
  const fleet = openFleet();
  const tls = filesOf(fleet, options);
  const { endpoints } = fleet.etcd;
  const authority = open(endpoints, tls);
  try {
    await work({ fleet, authority, tls });
  } catch (error) {
    if (error instanceof CliExit) throw error;
    if (error instanceof NotRoot || error instanceof WrongInput)
      fail(exitCodes.wrongInput, error.message, { cause: error });
    throw new Unreachable(`etcd at ${endpoints.join(', ')}: ${reasonOf(error)}`, { cause: error });
  } finally {
    authority.close();
  }
}

/** A file that can't be read is named by the error itself. */
function open(endpoints: readonly string[], tls: TlsFiles): Authority {
  try {
    return createAuthority({ endpoints, tls });
  } catch (error) {
    fail(exitCodes.wrongInput, reasonOf(error), { cause: error });
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function filesOf({ etcd }: Fleet, { caFile, certFile, keyFile }: RootOptions): TlsFiles {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    fail(exitCodes.wrongInput, '--cert-file and --key-file go together');
  }
  const files = {
    caFile: caFile ?? etcd.tls?.caFile,
    certFile: certFile ?? etcd.tls?.certFile,
    keyFile: keyFile ?? etcd.tls?.keyFile,
  };
  const isPlain = etcd.endpoints.some((endpoint) => !endpoint.startsWith('https://'));
  if (isPlain || files.caFile === undefined || files.certFile === undefined || files.keyFile === undefined) {
    const todo = 'serve it by https with client certificates, and name caFile, certFile and keyFile under etcd';
    fail(
      exitCodes.wrongInput,
      `the fleet file's etcd has no certificates, and rights are given to certificates; ${todo}`,
    );
  }
  return { caFile: files.caFile, certFile: files.certFile, keyFile: files.keyFile };
}

/** Whoever turns the checks on without being root could not turn them off, or change anything, again. */
function expectRoot({ certFile }: TlsFiles): void {
  const { subject } = new X509Certificate(readFileSync(certFile));
  if (subject.split('\n').includes(`CN=${ROOT}`)) return;
  fail(
    exitCodes.wrongInput,
    `--enforce needs a certificate with the common name ${ROOT}, got "${subject.replaceAll('\n', ', ')}" in ${certFile}; nothing was changed`,
  );
}
