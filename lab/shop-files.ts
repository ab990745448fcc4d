import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LabPaths } from './paths.ts';

/** Of what nobody is to know; bytes. */
const SECRET_BYTES = 24;

/** Names that a release has for the unit's files. */
export type ShopFile = 'tls-key' | 'account';

/** Where the files lie that belong to the site and not to a release. */
export const shopFiles = ({ folder }: Pick<LabPaths, 'folder'>): Readonly<Record<ShopFile, string>> => ({
  'tls-key': join(folder, 'shop', 'tls-key.pem'),
  account: join(folder, 'shop', 'account.json'),
});

/** Made once for each lab, for its owner's eyes. */
export async function ensureShopFiles(paths: Pick<LabPaths, 'folder'>): Promise<void> {
  const files = shopFiles(paths);
  const account = { name: 'keeper', password: secret('hex') };
  const key = `-----BEGIN SAMPLE KEY-----\n${secret('base64')}\n-----END SAMPLE KEY-----\n`;
  await layOnce(files['tls-key'], key);
  await layOnce(files.account, `${JSON.stringify(account)}\n`);
}

const secret = (encoding: 'hex' | 'base64'): string => randomBytes(SECRET_BYTES).toString(encoding);

async function layOnce(file: string, text: string): Promise<void> {
  if (existsSync(file)) return;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
