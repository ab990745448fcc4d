// The shop's pages. `shop-web.mjs check` asks the one that runs whether it is healthy.
import { readFileSync } from 'node:fs';
import { readFault } from './fault.mjs';
import { check, identity, serve } from './serve.mjs';

const VERSION = '@VERSION@';
const PORT = Number(process.env.PORT ?? 8080);
const APIS = (process.env.API ?? '').split(',').filter(Boolean);
// Longest until an API has answered.
const API_MS = 5_000;

const fault = readFault('@FAULT@');
let asked = 0;

if (process.argv[2] === 'check') check(PORT);
else serve({ name: `shop-web ${VERSION}`, port: PORT, answer });

async function answer(path) {
  if (path === '/health') return { status: fault.isSick() || !hasKey() ? 503 : 200, body: identity(VERSION) };
  if (!['/', '/api'].includes(path)) return { status: 404, body: identity(VERSION) };
  if (fault.fails()) return { status: 500, body: { ...identity(VERSION), problem: 'told to fail' } };
  if (path === '/') return { status: 200, body: identity(VERSION) };
  const { status, body } = await askApi();
  return { status, body: { ...identity(VERSION), api: body } };
}

/** One after another, until one answers; begins with another one each time. */
async function askApi() {
  asked += 1;
  const problems = [];
  for (let count = 0; count < APIS.length; count += 1) {
    const address = APIS[(asked + count) % APIS.length];
    try {
      const response = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(API_MS) });
      return { status: response.status, body: await response.json() };
    } catch (error) {
      problems.push(`${address}: ${error.cause?.message ?? error.message}`);
    }
  }
  return { status: 502, body: { problem: problems.join('; ') || 'no API is named' } };
}

/** It serves without a key; it is not well without the one that it was promised. */
function hasKey() {
  try {
    return process.env.TLS_KEY === undefined || readFileSync(process.env.TLS_KEY, 'utf8').includes('SAMPLE KEY');
  } catch {
    return false;
  }
}
