import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { isName, parseFleetId } from '../../model/ids.ts';
import { Unreachable } from '../unreachable.ts';
import type { Authenticated } from './authenticate.ts';
import { roles } from './identity.ts';

/** Every token begins with it, so that one in a wrong place is found by whoever looks for secrets. */
export const TOKEN_MARK = 'refit_';

const TokenEntry = z.strictObject({
  name: z.string().refine(isName, { error: 'expected lower-case letters, digits, dots and dashes' }),
  role: z.enum(roles),
  fleets: z.union([z.literal('all'), z.array(z.string().refine(isName).transform(parseFleetId))]),
  /** Of the whole token. It has 256 random bits, so there is nothing to guess and no salt is needed. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
});
export type TokenEntry = Readonly<z.output<typeof TokenEntry>>;

const TokenFile = z.strictObject({ version: z.literal(1), tokens: z.array(TokenEntry) });

/** The tokens of an API's file. */
export interface Tokens {
  identify(token: string): Promise<Authenticated>;
}

/** Reads the file again whenever it has changed, so that a token is good, or no longer good, at once. */
export function openTokens(file: string, now: () => number = () => Date.now()): Tokens {
  let seen: { readonly mark: string; readonly tokens: readonly TokenEntry[] } | null = null;
  return {
    identify: async (token) => {
      const mark = await markOf(file);
      if (seen?.mark !== mark) seen = { mark, tokens: await readTokensOrFail(file) };
      return identify(seen.tokens, token, now());
    },
  };
}

/** Those of the file; none when there is no file. Throws when it can't be read, or when others may. */
export async function readTokens(file: string): Promise<readonly TokenEntry[]> {
  const found = await stat(file).catch(noneIfMissing);
  if (found === null) return [];
  if ((found.mode & 0o077) !== 0)
    throw new Error(`${file}: expected that only its owner may read and write it; run: chmod 600 ${file}`);
  try {
    return TokenFile.parse(JSON.parse(await readFile(file, 'utf8'))).tokens;
  } catch (cause) {
    throw new Error(`${file}: expected tokens as refit token create writes them; remove it and create them again`, {
      cause,
    });
  }
}

export const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');

async function readTokensOrFail(file: string): Promise<readonly TokenEntry[]> {
  try {
    return await readTokens(file);
  } catch (cause) {
    throw new Unreachable('the tokens of this API can’t be read; its log says why', { cause });
  }
}

/** A file is replaced, never written to, so another content is another file. */
async function markOf(file: string): Promise<string> {
  const found = await stat(file, { bigint: true }).catch(noneIfMissing);
  return found === null ? 'none' : [found.ino, found.mtimeNs, found.ctimeNs, found.size].join(' ');
}

/** Every entry is compared, and each in the same time, so that the answer's delay says nothing about any of them. */
function identify(tokens: readonly TokenEntry[], token: string, now: number): Authenticated {
  const digest = Buffer.from(digestOf(token), 'hex');
  const [found] = tokens.filter((entry) => timingSafeEqual(Buffer.from(entry.sha256, 'hex'), digest));
  if (found === undefined) return { outcome: 'unknown', why: 'no such token' };
  const { name, role, fleets, expiresAt } = found;
  if (expiresAt !== null && Date.parse(expiresAt) <= now)
    return { outcome: 'unknown', why: `token ${name} has expired` };
  return { outcome: 'known', identity: { name, by: 'token', role, fleets } };
}

export function noneIfMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
