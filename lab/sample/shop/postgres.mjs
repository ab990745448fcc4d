// The least of a PostgreSQL client: simple queries, one after another, to a server that trusts its network.
import { connect } from 'node:net';

// Longest until the server answers.
const ANSWER_MS = 3_000;
const PROTOCOL = 196_608;
// A message's type and length.
const HEADER_BYTES = 5;

/** A text as SQL has it. */
export const quote = (text) => `'${text.replaceAll("'", "''")}'`;

/** Asks over one connection, and over a new one when that has broken. Each row is a list of texts. */
export function openDatabase(address) {
  let connection = null;
  let last = Promise.resolve();
  const ask = async (sql) => {
    connection ??= begin(address, () => (connection = null));
    return (await connection).exchange(message('Q', `${sql}\0`));
  };
  // A connection has one question at a time; an earlier one's failure is nothing to the next.
  return (sql) => (last = last.catch(() => undefined).then(() => ask(sql)));
}

async function begin(address, onClose) {
  const at = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)), noDelay: true });
  let onMessage = () => undefined;
  let onEnd = () => undefined;
  socket
    .on('error', () => undefined)
    .on('close', () => {
      onClose();
      onEnd(new Error(`no connection to the database at ${address}`));
    });
  socket.on(
    'data',
    messages((type, body) => onMessage(type, body)),
  );
  const exchange = (bytes) =>
    new Promise((resolve, reject) => {
      const rows = [];
      let problem = null;
      const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
      const end = (settle, value) => {
        clearTimeout(timer);
        settle(value);
      };
      onEnd = (error) => end(reject, problem ?? error);
      onMessage = (type, body) => {
        if (type === 'D') rows.push(columns(body));
        if (type === 'E') problem = new Error(`the database says ${errorText(body)}`);
        if (type === 'Z') end(problem === null ? resolve : reject, problem ?? rows);
      };
      socket.write(bytes);
    });
  await exchange(message('', `user\0postgres\0database\0postgres\0\0`, PROTOCOL));
  return { exchange };
}

/** Cuts a stream into messages. */
function messages(take) {
  let bytes = Buffer.alloc(0);
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= HEADER_BYTES && bytes.length >= 1 + bytes.readInt32BE(1)) {
      const end = 1 + bytes.readInt32BE(1);
      take(bytes.toString('latin1', 0, 1), bytes.subarray(HEADER_BYTES, end));
      bytes = bytes.subarray(end);
    }
  };
}

/** A start-up message has no type, and says the protocol's number. */
function message(type, text, protocol) {
  const body = Buffer.from(text);
  const head = Buffer.alloc(type.length + (protocol === undefined ? 4 : 8));
  head.write(type, 0);
  head.writeInt32BE(head.length - type.length + body.length, type.length);
  if (protocol !== undefined) head.writeInt32BE(protocol, 4);
  return Buffer.concat([head, body]);
}

function columns(body) {
  const texts = [];
  let at = 2;
  for (let count = body.readInt16BE(0); count > 0; count -= 1) {
    const length = body.readInt32BE(at);
    at += 4;
    texts.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return texts;
}

/** Its code alone: the words of an error quote what was asked. */
function errorText(body) {
  const fields = body.toString('utf8').split('\0');
  return fields.find((field) => field.startsWith('C'))?.slice(1) ?? 'no';
}
