import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureFirstToken } from '../../../client/api/first-token.ts';
import { createToken, revokeToken, type NewToken } from '../../../client/api/token-file.ts';
import { openTokens, readTokens } from '../../../client/api/tokens.ts';
import { Unreachable } from '../../../client/unreachable.ts';
import { parseFleetId } from '../../../model/ids.ts';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-tokens-'));
});
afterAll(() => rm(folder, { recursive: true }));
const newFile = (): string => join(folder, `${(count += 1)}`, 'tokens.json');

const request: NewToken = { name: 'anna', role: 'operator', fleets: [parseFleetId('lab')], expiresAt: null };

async function create(file: string, changes: Partial<NewToken> = {}): Promise<string> {
  const created = await createToken(file, { ...request, ...changes });
  if (created.outcome !== 'created') throw new Error(`expected a token, got ${created.outcome}`);
  return created.token;
}

describe('tokens', () => {
  test('one is good from its making until it is revoked, without the file being opened anew', async () => {
    const file = newFile();
    const tokens = openTokens(file);
    expect(await tokens.identify('refit_x')).toEqual({ outcome: 'unknown', why: 'no such token' });

    const token = await create(file);

    const identity = { name: 'anna', by: 'token', role: 'operator', fleets: ['lab'] };
    expect(await tokens.identify(token)).toEqual({ outcome: 'known', identity });
    expect(await revokeToken(file, 'anna')).toBe(true);
    expect((await tokens.identify(token)).outcome).toBe('unknown');
    expect(await revokeToken(file, 'anna')).toBe(false);
  });

  test('the file has no token, only digests, and is its owner’s', async () => {
    const file = newFile();
    const token = await create(file);

    expect(token).toMatch(/^refit_[A-Za-z0-9_-]{43}$/);
    expect(await readFile(file, 'utf8')).not.toContain(token.slice('refit_'.length));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('one that has expired is good for nothing, and the audit log is told which', async () => {
    const file = newFile();
    const token = await create(file, { expiresAt: new Date(5_000) });

    expect((await openTokens(file, () => 4_999).identify(token)).outcome).toBe('known');
    expect(await openTokens(file, () => 5_000).identify(token)).toEqual({
      outcome: 'unknown',
      why: 'token anna has expired',
    });
  });

  test('a name is given once', async () => {
    const file = newFile();
    await create(file);

    expect(await createToken(file, request)).toEqual({ outcome: 'nameUsed' });
  });

  test('of many that are made at once none is lost', async () => {
    const file = newFile();

    await Promise.all(['a', 'b', 'c'].map((name) => create(file, { name })));

    expect((await readTokens(file)).map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
  });

  test('nobody is known while the file can’t be read, or others may', async () => {
    const file = newFile();
    const token = await create(file);
    await chmod(file, 0o644);
    await expect(openTokens(file).identify(token)).rejects.toThrow(Unreachable);
    await expect(readTokens(file)).rejects.toThrow(`run: chmod 600 ${file}`);

    await chmod(file, 0o600);
    await writeFile(file, '{"version":1,"tokens":[{"name":"anna"}]}');

    await expect(openTokens(file).identify(token)).rejects.toThrow(Unreachable);
  });
});

describe('the first token', () => {
  const open = (): { tokensFile: string; tokenFile: string } => {
    const tokensFile = newFile();
    return { tokensFile, tokenFile: join(tokensFile, '..', 'admin.token') };
  };

  test('is an admin’s, in a file of its owner, and made once', async () => {
    const files = open();

    expect(await ensureFirstToken(files)).toBe(files.tokenFile);
    const token = await readFile(files.tokenFile, 'utf8');
    expect(await ensureFirstToken(files)).toBe(files.tokenFile);

    expect(await readFile(files.tokenFile, 'utf8')).toBe(token);
    expect((await stat(files.tokenFile)).mode & 0o777).toBe(0o600);
    expect(await openTokens(files.tokensFile).identify(token.trim())).toMatchObject({ identity: { role: 'admin' } });
  });

  test('is made again when its file was lost', async () => {
    const files = open();
    await ensureFirstToken(files);
    await rm(files.tokenFile);

    expect(await ensureFirstToken(files)).toBe(files.tokenFile);
    expect(await readTokens(files.tokensFile)).toHaveLength(1);
  });

  test('is not made where there is an admin', async () => {
    const files = open();
    await create(files.tokensFile, { role: 'admin' });

    expect(await ensureFirstToken(files)).toBeNull();
  });
});
