// Writes entries into a database: /entries/7/20 writes those from 7 to 26, each once however often it is asked to.
// `ledger.mjs check` asks the one that runs whether it is healthy.
import { openDatabase } from './postgres.mjs';
import { check, identity, serve } from './serve.mjs';

const VERSION = '@VERSION@';
const PORT = Number(process.env.PORT ?? 8080);
// What this version writes into a column beside the entry's number, by the column's name.
const COLUMNS = JSON.parse('@COLUMNS@');
const ENTRIES = /^\/entries\/(\d+)\/(\d+)$/;

const ask = openDatabase(process.env.DATABASE ?? '127.0.0.1:5432');

if (process.argv[2] === 'check') check(PORT);
else serve({ name: `ledger ${VERSION}`, port: PORT, answer });

async function answer(path) {
  if (path === '/health') return { status: (await ask('select 1')).length === 1 ? 200 : 503, body: identity(VERSION) };
  const [, from, count] = ENTRIES.exec(path) ?? [];
  if (from === undefined) return { status: path === '/' ? 200 : 404, body: identity(VERSION) };
  await ask(insert(Number(from), Number(from) + Number(count) - 1));
  return { status: 200, body: identity(VERSION) };
}

function insert(first, last) {
  const names = ['n', ...Object.keys(COLUMNS)].join(', ');
  const values = ['n', ...Object.values(COLUMNS)].join(', ');
  return `insert into entries (${names}) select ${values} from generate_series(${first}, ${last}) n on conflict (n) do nothing`;
}
