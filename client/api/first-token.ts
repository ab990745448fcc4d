import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createToken, revokeToken } from './token-file.ts';
import { digestOf, noneIfMissing, readTokens } from './tokens.ts';

/** Name of the token with which an API begins. */
const FIRST = 'first-admin';

export type FirstToken = { readonly tokensFile: string; readonly tokenFile: string };

/**
 * The file of an admin's token, which is made if the API has no admin yet, so that an API that was just started can be
 * asked. null: there are admins, and whoever made their tokens has them.
 */
export async function ensureFirstToken({ tokensFile, tokenFile }: FirstToken): Promise<string | null> {
  const admins = (await readTokens(tokensFile)).filter(({ role }) => role === 'admin');
  const kept = ((await readFile(tokenFile, 'utf8').catch(noneIfMissing)) ?? '').trim();
  if (admins.some(({ sha256 }) => sha256 === digestOf(kept))) return tokenFile;
  if (admins.some(({ name }) => name !== FIRST)) return null;
  // Its file was lost, or its making was cut short: the token is nowhere else.
  await revokeToken(tokensFile, FIRST);
  const made = await createToken(tokensFile, { name: FIRST, role: 'admin', fleets: 'all', expiresAt: null });
  if (made.outcome !== 'created') return null;
  await mkdir(dirname(tokenFile), { recursive: true, mode: 0o700 });
  await writeFile(`${tokenFile}.new`, `${made.token}\n`, { mode: 0o600 });
  await rename(`${tokenFile}.new`, tokenFile);
  return tokenFile;
}
