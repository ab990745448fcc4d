// Web server of the sample platform. `web.mjs check` asks the one that runs whether it is healthy.
import { createServer, get } from 'node:http';
import { hostname } from 'node:os';

const VERSION = '@VERSION@';
const PORT = Number(process.env.PORT ?? 8080);
// The image was built sick, or its container is told to be, always or at one version.
const isSick = ['@SICK@', process.env.WEB_SICK].includes('1') || process.env.WEB_SICK === VERSION;
// Longest that a slow answer may take, since a stop waits for it.
const MAX_SLOW_MS = 60_000;
// A check that gets no answer by then has its answer.
const CHECK_MS = 2_000;
// For requests that are on their way when the last answer leaves.
const LAST_MS = 100;

if (process.argv[2] === 'check') check();
else serve();

function check() {
  get({ port: PORT, path: '/health', timeout: CHECK_MS }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
    .on('timeout', () => process.exit(1))
    .on('error', () => process.exit(1));
}

function serve() {
  let atWork = 0;
  let isStopping = false;
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://web');
    atWork += 1;
    response.once('close', () => {
      atWork -= 1;
      endIfIdle();
    });
    if (url.pathname !== '/slow') answer(url.pathname, response);
    else setTimeout(answer, Math.min(Number(url.searchParams.get('ms')) || 0, MAX_SLOW_MS), '/slow', response);
  });
  server.listen(PORT, () => console.log(`sample-web ${VERSION} listens on ${PORT}`));
  process.on('SIGTERM', () => {
    isStopping = true;
    server.close(() => process.exit(0));
    endIfIdle();
  });

  function answer(path, response) {
    const known = ['/', '/health', '/slow'].includes(path);
    const status = path === '/health' && isSick ? 503 : known ? 200 : 404;
    const headers = { 'content-type': 'application/json', ...(isStopping ? { connection: 'close' } : {}) };
    response.writeHead(status, headers);
    response.end(`${JSON.stringify({ version: VERSION, host: hostname(), pid: process.pid })}\n`);
  }

  // A connection without a request would keep the server for as long as its client likes.
  function endIfIdle() {
    if (isStopping && atWork === 0) setTimeout(() => atWork === 0 && process.exit(0), LAST_MS);
  }
}
