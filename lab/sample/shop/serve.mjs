// HTTP server of the shop's services: answers with JSON, and ends what runs before it ends itself.
import { createServer, get } from 'node:http';
import { hostname } from 'node:os';

// Longest that a slow answer may take, since a stop waits for it.
const MAX_SLOW_MS = 60_000;
// A check that gets no answer by then has its answer.
const CHECK_MS = 4_000;
// For requests that are on their way when the last answer leaves.
const LAST_MS = 100;

/** Who answers. */
export const identity = (version) => ({
  version,
  slot: process.env.SLOT ?? 'none',
  host: process.env.HOST ?? hostname(),
});

/** Ends the process with whether the server that runs says it is healthy. */
export function check(port) {
  get({ port, path: '/health', timeout: CHECK_MS }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
    .on('timeout', () => process.exit(1))
    .on('error', () => process.exit(1));
}

/** `answer`: a path's `{ status, body }`, or a promise of it. `/slow?ms=` is answered as `/`, later. */
export function serve({ name, port, answer }) {
  let atWork = 0;
  let isStopping = false;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://shop');
    atWork += 1;
    response.once('close', () => {
      atWork -= 1;
      endIfIdle();
    });
    if (pathname !== '/slow') return void reply(pathname, response);
    setTimeout(reply, Math.min(Number(searchParams.get('ms')) || 0, MAX_SLOW_MS), '/', response);
  });
  server.listen(port, () => console.log(`${name} listens on ${port}`));
  process.on('SIGTERM', () => {
    isStopping = true;
    server.close(() => process.exit(0));
    endIfIdle();
  });

  async function reply(path, response) {
    const { status, body } = await Promise.resolve(path).then(answer).catch(failure);
    response.writeHead(status, { 'content-type': 'application/json', ...(isStopping ? { connection: 'close' } : {}) });
    response.end(`${JSON.stringify(body)}\n`);
  }

  // A connection without a request would keep the server for as long as its client likes.
  function endIfIdle() {
    if (isStopping && atWork === 0) setTimeout(() => atWork === 0 && process.exit(0), LAST_MS);
  }
}

const failure = (error) => ({ status: 503, body: { problem: error.message } });
