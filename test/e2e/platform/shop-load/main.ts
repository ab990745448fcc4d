import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepConnection } from './kept-connection.ts';
import {
  answered,
  clientKinds,
  isSlow,
  REQUEST_TIMEOUT_MS,
  unanswered,
  type Answered,
  type ClientKind,
  type LoadPlan,
  type ShopRequest,
} from './record.ts';

// Requests to the shop until its input ends, in a process of its own: what a test does beside them must not delay them.
// The first argument is a LoadPlan; a list of ShopRequests is printed at the end.

/** Ends a load that nobody ends; ms. */
const MAX_MS = 500_000;
/** So many are kept in memory. */
const MAX_REQUESTS = 1_000_000;
const SLOW = '/slow?ms=2000';
/** Between the first requests of the slow clients, so that at any moment some are in the middle of one; ms. */
const APART_MS = 300;

type Client = { readonly kind: ClientKind; readonly ask: () => Promise<Answered>; readonly close: () => void };

const plan = JSON.parse(process.argv[2] ?? '') as LoadPlan;
const requests: ShopRequest[] = [];
let isAskedToEnd = false;
process.stdin.on('end', () => (isAskedToEnd = true)).resume();

const clients = clientKinds.flatMap((kind) => Array.from({ length: plan.clients[kind] }, () => openClient(kind)));
const slowOnes = clients.filter(({ kind }) => isSlow(kind));
await Promise.all(clients.map(async (client) => run(client, slowOnes.indexOf(client))));
process.stdout.write(JSON.stringify(requests));

async function run({ kind, ask, close }: Client, order: number): Promise<void> {
  if (isSlow(kind)) await sleep(order * APART_MS);
  while (!isOver()) {
    const startedAt = now();
    const answer = await ask();
    requests.push({ kind, startedAt, endedAt: now(), ...answer });
    if (plan.pauseMs > 0) await sleep(plan.pauseMs);
  }
  close();
}

function isOver(): boolean {
  if (performance.now() > MAX_MS || requests.length >= MAX_REQUESTS) return true;
  return isAskedToEnd && requests.length >= plan.least;
}

function openClient(kind: ClientKind): Client {
  const path = isSlow(kind) ? SLOW : '/';
  if (kind === 'fresh' || kind === 'slowFresh') {
    return { kind, ask: async () => askOnce(new URL(path, plan.web)), close: () => undefined };
  }
  const connection = keepConnection(kind === 'api' ? plan.api : plan.web);
  return { kind, ask: async () => connection.ask(path), close: () => connection.close() };
}

/** Over a connection of its own. */
async function askOnce(url: URL): Promise<Answered> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', (error) => resolve(unanswered(`cut off: ${error.message}`)));
      response.on('end', () => resolve(answered(response.statusCode ?? 0, body)));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => resolve(unanswered(error.message)));
  });
}

/** Never goes back, and says the same as a file of another process on this machine, but for a few ms. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
