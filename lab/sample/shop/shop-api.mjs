// What the shop's pages ask: counts what is in the database. `shop-api.mjs check` asks the one that runs whether it is healthy.
import { openDatabase } from './postgres.mjs';
import { check, identity, serve } from './serve.mjs';

const VERSION = '@VERSION@';
const PORT = Number(process.env.PORT ?? 8080);
const COUNTS = 'select (select count(*) from orders), (select count(*) from accounts)';

const ask = openDatabase(process.env.DATABASE ?? '127.0.0.1:5432');

if (process.argv[2] === 'check') check(PORT);
else serve({ name: `shop-api ${VERSION}`, port: PORT, answer });

async function answer(path) {
  if (path === '/health') return { status: (await ask('select 1')).length === 1 ? 200 : 503, body: identity(VERSION) };
  if (path !== '/') return { status: 404, body: identity(VERSION) };
  const [[rows, accounts]] = await ask(COUNTS);
  return { status: 200, body: { ...identity(VERSION), rows: Number(rows), accounts: Number(accounts) } };
}
