import { InvalidArgumentError, Option, type Command } from 'commander';
import { DocumentProblems } from '../../drivers/yaml-document.ts';
import { isName, parseFleetId, type FleetId } from '../../model/ids.ts';
import { apiFiles, type Typed } from '../api/config.ts';
import { roles, type Role } from '../api/identity.ts';
import { createToken, revokeToken } from '../api/token-file.ts';
import { readTokens, type TokenEntry } from '../api/tokens.ts';
import { named } from '../named.ts';
import { exitCodes, fail } from './exit.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { table } from './table.ts';

const MS_PER_DAY = 24 * 3_600_000;
/** Longest that a token with an end may be good; days. */
const MAX_DAYS = 3_650;

type FileOptions = CommonOptions & Pick<Typed, 'config'>;
type CreateOptions = FileOptions & {
  readonly role: Role;
  readonly fleets: 'all' | readonly FleetId[];
  /** Days. */
  readonly expires?: number;
};

/** `refit token …`: who may ask the API. A token is shown once; the file has its digest. */
export function registerToken(program: Command): void {
  const token = program.command('token').description('who may ask the API: create, list, revoke');
  const create = token
    .command('create')
    .description('make a token and print it, once; it is good at once, also for an API that runs')
    .argument('<name>', 'whom it is for, as the audit log will have it', parseName)
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).makeOptionMandatory())
    .option('--fleets <names>', 'fleets that it sees: all, or their names with commas', parseFleets, 'all')
    .option('--expires <days>', 'how long it is good, such as 90d (default: until it is revoked)', parseDays)
    .action(runCreate);
  const list = token.command('list').description('the tokens that there are, without themselves').action(runList);
  const revoke = token
    .command('revoke')
    .description('make a token good for nothing, at once')
    .argument('<name>', 'its name')
    .action(runRevoke);
  for (const each of [create, list, revoke]) each.option('--config <file>', 'the API’s (or REFIT_API_CONFIG)');
  withExamples(
    create,
    'refit token create anna --role admin > anna.token',
    'refit token create ci --role operator --fleets site-a,site-b --expires 90d --json',
  );
  withExamples(list, 'refit token list', 'refit token list --config /etc/refit/api.yaml --json');
  withExamples(revoke, 'refit token revoke ci');
}

async function runCreate(name: string, options: CreateOptions): Promise<void> {
  const output = outputOf(options);
  const file = fileOf(options);
  const { role, fleets, expires } = options;
  const expiresAt = expires === undefined ? null : new Date(Date.now() + expires * MS_PER_DAY);
  const created = await orFail(createToken(file, { name, role, fleets, expiresAt }));
  switch (created.outcome) {
    case 'nameUsed':
      return fail(
        exitCodes.wrongInput,
        `${file} has a token ${name}; take another name, or: refit token revoke ${name}`,
      );
    case 'full':
      return fail(exitCodes.wrongInput, `${file} has ${created.most} tokens, and no room for more; revoke some`);
    case 'created':
      process.stderr.write(`token ${name} is in ${file} as a digest; this is the only time that it is shown\n`);
      if (options.json === true) output.document({ token: created.token, ...shown(created.entry) });
      else process.stdout.write(`${created.token}\n`);
  }
}

async function runList(options: FileOptions): Promise<void> {
  const output = outputOf(options);
  const file = fileOf(options);
  const tokens = await orFail(readTokens(file));
  if (options.json === true) output.document({ tokens: tokens.map(shown) });
  else if (tokens.length === 0) output.say(`${file} has no token; make one with: refit token create NAME --role ROLE`);
  else output.say(table([['NAME', 'ROLE', 'FLEETS', 'CREATED', 'EXPIRES'], ...tokens.map(row)]));
}

async function runRevoke(name: string, options: FileOptions): Promise<void> {
  const output = outputOf(options);
  const file = fileOf(options);
  if (!(await orFail(revokeToken(file, name)))) {
    const there = (await readTokens(file)).map((each) => each.name);
    fail(
      exitCodes.wrongInput,
      `${file} has no token ${name}; ${there.length === 0 ? 'it has none' : `it has ${named(there)}`}`,
    );
  }
  if (options.json === true) output.document({ name, revoked: true });
  else output.say(`token ${name} is revoked`);
}

/** Without what could be taken for the token. */
const shown = ({ name, role, fleets, createdAt, expiresAt }: TokenEntry): Omit<TokenEntry, 'sha256'> => ({
  ...{ name, role, fleets, createdAt, expiresAt },
});

const row = ({ name, role, fleets, createdAt, expiresAt }: TokenEntry): readonly string[] => [
  ...[name, role, fleets === 'all' ? 'all' : named(fleets)],
  ...[createdAt.slice(0, 10), expiresAt === null ? 'never' : expiresAt.slice(0, 10)],
];

function fileOf(options: FileOptions): string {
  try {
    return apiFiles(options).tokensFile;
  } catch (error) {
    if (error instanceof DocumentProblems) fail(exitCodes.wrongInput, error.message, { cause: error });
    throw error;
  }
}

/** A file that can't be read or written is for whoever asked to mend. */
async function orFail<Result>(work: Promise<Result>): Promise<Result> {
  return work.catch((error: unknown) =>
    fail(exitCodes.wrongInput, error instanceof Error ? error.message : String(error), { cause: error }),
  );
}

function parseName(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError('Expected lower-case letters, digits, dots and dashes.');
}

function parseFleets(text: string): 'all' | readonly FleetId[] {
  if (text === 'all') return 'all';
  const names = text.split(',');
  if (names.every(isName)) return names.map(parseFleetId);
  throw new InvalidArgumentError('Expected all, or names of fleets with commas, such as site-a,site-b.');
}

function parseDays(text: string): number {
  const days = Number(/^(\d{1,4})d$/.exec(text)?.[1]);
  if (days >= 1 && days <= MAX_DAYS) return days;
  throw new InvalidArgumentError(`Expected days such as 90d, at most ${MAX_DAYS}d.`);
}
