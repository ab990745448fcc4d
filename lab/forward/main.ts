import { connect, createServer } from 'node:net';

// LISTEN_ADDRESS PORT: what comes in there goes to the same port of loopback, until the process is ended.

const [address = '', port = ''] = process.argv.slice(2);

const server = createServer((incoming) => {
  const outgoing = connect(Number(port), '127.0.0.1');
  // Whichever side ends or breaks takes the other with it.
  incoming.on('error', () => outgoing.destroy()).on('close', () => outgoing.destroy());
  outgoing.on('error', () => incoming.destroy()).on('close', () => incoming.destroy());
  incoming.pipe(outgoing);
  outgoing.pipe(incoming);
});
server.on('error', (error) => {
  process.stderr.write(`${address}:${port} can't be listened on: ${error.message}\n`);
  process.exitCode = 1;
});
server.listen(Number(port), address);
