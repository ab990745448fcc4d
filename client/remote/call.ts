import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { Unreachable } from '../unreachable.ts';
import { fieldOf, isAtWork, refusalOf } from './refusal.ts';
import type { ApiAnswer, ApiRequest, Transport } from './transport.ts';

/** Tries of one request whose connection was lost, or of which there were too many. */
const TRIES = 4;
/** Before the second try, and twice as long before each one after it; ms. */
const FIRST_PAUSE_MS = 250;
/** Longest that the API may ask to wait when there were too many requests; ms. */
const MAX_WAIT_MS = 10_000;
/** Longest wait for an earlier try of the same request; ms. By then the API does it anew. */
const AT_WORK_MS = 65_000;
/** Between two looks at whether it is done; ms. */
const AT_WORK_PAUSE_MS = 1_000;

/** Requests to one API, each answer read by its schema. */
export interface Api {
  readonly transport: Transport;
  get<Value>(path: string, schema: z.ZodType<Value>): Promise<Value>;
  /** null: there is no such thing. */
  find<Value>(path: string, schema: z.ZodType<Value>): Promise<Value | null>;
  /** Done once, however often it has to be sent. */
  post<Value>(path: string, body: unknown, schema: z.ZodType<Value>): Promise<Posted<Value>>;
}

/** refused: it makes sense, but not now, or not any more; nothing has changed, and `because` has the API's words. `field`: of the request, that is at fault; null: none. */
export type Posted<Value> =
  | { readonly outcome: 'done'; readonly value: Value }
  | { readonly outcome: 'refused'; readonly because: string; readonly field: string | null };

export function createApi(transport: Transport): Api {
  return {
    transport,
    get: async (path, schema) => read(transport, await call(transport, { method: 'GET', path }), schema),
    find: async (path, schema) => {
      const answer = await call(transport, { method: 'GET', path });
      return answer.status === 404 ? null : read(transport, answer, schema);
    },
    post: async (path, body, schema) => {
      const answer = await call(transport, { method: 'POST', path, body, key: randomUUID() });
      if (answer.status === 409 || answer.status === 404) {
        return { outcome: 'refused', because: refusalOf(transport.address, answer).message, field: fieldOf(answer) };
      }
      return { outcome: 'done', value: read(transport, answer, schema) };
    },
  };
}

/** A lost connection leaves open whether the API has heard: the same key makes the next try safe. */
async function call(transport: Transport, request: ApiRequest): Promise<ApiAnswer> {
  const since = Date.now();
  for (let tries = 1; ; tries++) {
    const sent = await attempt(transport, request);
    const waitMs = waitAfter(sent, { tries, tookMs: Date.now() - since });
    if (waitMs !== null) {
      await pause(waitMs);
      continue;
    }
    if (sent instanceof Unreachable) throw sent;
    if (isAtWork(sent)) throw refusalOf(transport.address, sent);
    return sent;
  }
}

async function attempt(transport: Transport, request: ApiRequest): Promise<ApiAnswer | Unreachable> {
  try {
    return await transport.send(request);
  } catch (error) {
    if (error instanceof Unreachable) return error;
    throw error;
  }
}

/** null: that was the last try. A service behind the API that is away is its asker's to wait for. */
function waitAfter(
  sent: ApiAnswer | Unreachable,
  { tries, tookMs }: { readonly tries: number; readonly tookMs: number },
): number | null {
  if (!(sent instanceof Unreachable) && isAtWork(sent)) return tookMs < AT_WORK_MS ? AT_WORK_PAUSE_MS : null;
  if (tries === TRIES) return null;
  if (sent instanceof Unreachable) return FIRST_PAUSE_MS * 2 ** (tries - 1);
  if (sent.status !== 429) return null;
  const waitMs = Number(sent.headers['retry-after']) * 1_000;
  return waitMs <= MAX_WAIT_MS ? waitMs : null;
}

function read<Value>({ address }: Transport, answer: ApiAnswer, schema: z.ZodType<Value>): Value {
  if (answer.status >= 300) throw refusalOf(address, answer);
  return decode(address, answer.text, schema);
}

/** A document of the API as the model has it. */
export function decode<Value>(address: string, text: string, schema: z.ZodType<Value>): Value {
  const parsed = z.safeDecode(schema, parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined ? '' : `: ${issue.path.join('.')}: ${issue.message}`;
  throw new Error(`the API at ${address} answers with what this refit can't read${where}; use one of its version`);
}

/** undefined: it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
