// Writes an order a second. `shop-worker.mjs check` says whether the one that runs has written lately.
import { statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase, quote } from './postgres.mjs';

const VERSION = '@VERSION@';
const PAUSE_MS = 1_000;
// So many writes may be missed in a row.
const STALE_MS = 10_000;
const WRITTEN = process.env.WRITTEN ?? '/tmp/written';

const slot = process.env.SLOT ?? 'none';
// Since the second release of the shop an order has a note.
const note = process.env.ORDER_NOTE ?? '';
const values = [slot, VERSION, ...(note === '' ? [] : [note])].map(quote).join(', ');
const insert = `insert into orders (slot, version${note === '' ? '' : ', note'}) values (${values})`;

if (process.argv[2] === 'check') process.exit(isFresh() ? 0 : 1);
process.on('SIGTERM', () => process.exit(0));
const ask = openDatabase(process.env.DATABASE ?? '127.0.0.1:5432');
console.log(`shop-worker ${VERSION} writes an order each ${PAUSE_MS} ms`);
for (;;) {
  await ask(insert).then(
    () => writeFileSync(WRITTEN, ''),
    (error) => console.log(error.message),
  );
  await sleep(PAUSE_MS);
}

function isFresh() {
  try {
    return Date.now() - statSync(WRITTEN).mtimeMs < STALE_MS;
  } catch {
    return false;
  }
}
