// Name server of the sample platform: answers TXT version.sample. with its version, and refuses everything else.
import { createSocket } from 'node:dgram';

const VERSION = '@VERSION@';
const PORT = 5353;
const TXT = 16;
const REFUSED = 5;

const server = createSocket('udp4');
server.on('message', (query, client) => {
  const answer = respond(query);
  if (answer !== null) server.send(answer, client.port, client.address);
});
server.bind(PORT, () => console.log(`sample-dns ${VERSION} listens on ${PORT}/udp`));
process.on('SIGTERM', () => process.exit(0));

function respond(query) {
  const question = readQuestion(query);
  if (question === null) return null;
  const known = question.name === 'version.sample' && question.type === TXT;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8400 | (known ? 0 : REFUSED), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(known ? 1 : 0, 6);
  return Buffer.concat([header, query.subarray(12, question.end), ...(known ? [textRecord()] : [])]);
}

function readQuestion(query) {
  const labels = [];
  let at = 12;
  while (at < query.length && query[at] !== 0 && query[at] < 64) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
    at += 1 + query[at];
  }
  if (at + 5 > query.length || query[at] !== 0) return null;
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function textRecord() {
  const text = Buffer.from(VERSION);
  const head = Buffer.from([0xc0, 12, 0, TXT, 0, 1, 0, 0, 0, 0, 0, text.length + 1, text.length]);
  return Buffer.concat([head, text]);
}
