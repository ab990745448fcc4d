import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { slots, type Slot } from '../../model/unit.ts';
import { answerOf } from './small-unit.ts';

/** Constant requests to a unit, as its users make them. */
export type SlotRequests = {
  readonly asked: readonly Asked[];
  /** Returns when all have their answers. */
  readonly stop: () => Promise<void>;
};

/** `answer`: the slot that answered, or what went wrong. Times are of `performance.now()`. */
export type Asked = {
  readonly path: string;
  readonly began: number;
  readonly ended: number;
  readonly answer: Slot | { readonly failed: string };
};

/** Rest of an asker between two requests; ms. Six units' askers leave a processor of two to the others. */
const REST_MS = 40;
/** Longest one request may take; ms. A busy machine stands still for seconds. */
const REQUEST_MS = 20_000;

/** A connection that is kept, and new ones; one that takes its time, so that it is at work at a cutover; one that needs what is shared. */
const askers = [
  { path: '/', isKept: true },
  { path: '/', isKept: false },
  { path: '/cgi-bin/slow', isKept: true },
  { path: '/cgi-bin/through', isKept: false },
] as const;

export function startRequests(url: string): SlotRequests {
  const asked: Asked[] = [];
  let isOver = false;
  const asking = askers.map(async ({ path, isKept }) => {
    const agent = new Agent({ keepAlive: isKept, maxSockets: 1 });
    while (!isOver) {
      const began = performance.now();
      const answer = await askSlot(`${url}${path}`, agent).catch((error: unknown) => ({ failed: String(error) }));
      asked.push({ path, began, ended: performance.now(), answer });
      await sleep(REST_MS);
    }
    agent.destroy();
  });
  const stop = async (): Promise<void> => {
    isOver = true;
    await Promise.all(asking);
  };
  return { asked, stop };
}

function askSlot(url: string, agent: Agent): Promise<Slot> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, timeout: REQUEST_MS }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('error', reject).on('end', () => {
        const slot = slots.find((one) => body.includes(answerOf(one)));
        if (answer.statusCode === 200 && slot !== undefined) resolve(slot);
        else reject(new Error(`${answer.statusCode ?? 'no status'}: ${body.slice(0, 80)}`));
      });
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`no answer within ${REQUEST_MS} ms`)));
  });
}

export const failuresOf = (asked: readonly Asked[]): readonly Asked[] =>
  asked.filter(({ answer }) => typeof answer !== 'string');

/** The slots in the order in which they took over, and the requests that went to one that had not the turn. */
export type Turns = { readonly turns: readonly Slot[]; readonly strays: readonly Asked[] };

/**
 * Whose turn it was.
 *
 * 1. A slot's turn begins with the end of its first answer.
 * 2. A request that began before may still be answered by the slot before; one that began later may not.
 * 3. The slots' order is `expected`; what fits nowhere is a stray.
 */
export function turnsOf(asked: readonly Asked[], expected: readonly Slot[]): Turns {
  const turns: Slot[] = [];
  const strays: Asked[] = [];
  let since = -Infinity;
  for (const one of [...asked].sort((a, b) => a.ended - b.ended)) {
    const { answer, began, ended } = one;
    if (typeof answer !== 'string' || answer === turns.at(-1)) continue;
    if (began <= since && answer === turns.at(-2)) continue;
    if (answer === expected[turns.length]) {
      turns.push(answer);
      since = ended;
    } else strays.push(one);
  }
  return { turns, strays };
}
