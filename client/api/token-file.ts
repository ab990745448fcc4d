import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { underLock } from '../../lab/lock.ts';
import type { FleetId } from '../../model/ids.ts';
import type { Role } from './identity.ts';
import { digestOf, readTokens, TOKEN_MARK, type TokenEntry } from './tokens.ts';

/** Random bits of a token, in bytes: nobody guesses it, whatever is known of its digest. */
const TOKEN_BYTES = 32;
/** Each request compares all of them. */
const MAX_TOKENS = 1_000;

export type NewToken = {
  readonly name: string;
  readonly role: Role;
  readonly fleets: 'all' | readonly FleetId[];
  /** null: never. */
  readonly expiresAt: Date | null;
};

/** `token` is nowhere else from now on: the file has its digest. */
export type CreatedToken =
  | { readonly outcome: 'created'; readonly token: string; readonly entry: TokenEntry }
  | { readonly outcome: 'nameUsed' }
  | { readonly outcome: 'full'; readonly most: number };

export const createToken = (file: string, request: NewToken): Promise<CreatedToken> =>
  changing(file, async (tokens) => {
    if (tokens.some(({ name }) => name === request.name)) return { outcome: 'nameUsed' };
    if (tokens.length >= MAX_TOKENS) return { outcome: 'full', most: MAX_TOKENS };
    const token = `${TOKEN_MARK}${randomBytes(TOKEN_BYTES).toString('base64url')}`;
    const entry: TokenEntry = {
      name: request.name,
      role: request.role,
      fleets: request.fleets === 'all' ? 'all' : [...request.fleets],
      sha256: digestOf(token),
      createdAt: new Date().toISOString(),
      expiresAt: request.expiresAt?.toISOString() ?? null,
    };
    await write(file, [...tokens, entry]);
    return { outcome: 'created', token, entry };
  });

/** False: there was no such token. */
export const revokeToken = (file: string, name: string): Promise<boolean> =>
  changing(file, async (tokens) => {
    const left = tokens.filter((entry) => entry.name !== name);
    if (left.length === tokens.length) return false;
    await write(file, left);
    return true;
  });

/** One at a time: of two that read the same file, the second would undo the first. */
async function changing<Result>(
  file: string,
  work: (tokens: readonly TokenEntry[]) => Promise<Result>,
): Promise<Result> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  return underLock(
    `${file}.lock`,
    () => undefined,
    async () => work(await readTokens(file)),
  );
}

/** Written beside and renamed, so that an API reads either the old ones or the new ones. */
async function write(file: string, tokens: readonly TokenEntry[]): Promise<void> {
  const beside = `${file}.new`;
  await writeFile(beside, `${JSON.stringify({ version: 1, tokens }, null, 2)}\n`, { mode: 0o600 });
  await chmod(beside, 0o600);
  await rename(beside, file);
}
