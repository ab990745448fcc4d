// Account data: the account that the site has in a file is in the database afterwards, however often this runs. Says nothing of it.
import { randomBytes, scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openDatabase, quote } from './postgres.mjs';

const FILE = process.env.ACCOUNT ?? '/run/refit/account.json';
const SALT_BYTES = 16;
const KEY_BYTES = 32;

try {
  const { name, password } = readAccount();
  const salt = randomBytes(SALT_BYTES);
  const secret = `${salt.toString('hex')}:${scryptSync(password, salt, KEY_BYTES).toString('hex')}`;
  const ask = openDatabase(process.env.DATABASE ?? '127.0.0.1:5432');
  const sql = `insert into accounts (name, secret) values (${quote(name)}, ${quote(secret)})`;
  const added = await ask(`${sql} on conflict (name) do nothing returning 1`);
  console.log(added.length === 1 ? 'the account was added' : 'the account was there already');
  process.exit(0);
} catch (error) {
  console.log(`the account was not added: ${error.message}`);
  process.exit(1);
}

/** What JSON.parse has to say quotes the file. */
function readAccount() {
  const text = readFileSync(FILE, 'utf8');
  try {
    const { name, password } = JSON.parse(text);
    if (typeof name === 'string' && typeof password === 'string') return { name, password };
  } catch {
    // Said below.
  }
  throw new Error(`expected a name and a password in ${FILE}`);
}
