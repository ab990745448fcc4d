import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { assert } from '../../model/assert.ts';
import type { App } from './app.ts';
import { problemOf } from './problem-answer.ts';
import type { Begun, KeptAnswer, Requests } from './requests.ts';

export const KEY_HEADER = 'idempotency-key';
/** A key as it may be sent, in quotes or without. */
export const KEY_PATTERN = /^("[A-Za-z0-9._~:+/=-]{1,128}"|[A-Za-z0-9._~:+/=-]{1,128})$/;

/** Headers of an answer that are given again with it. */
const KEPT_HEADERS = ['content-type', 'location', 'retry-after'] as const;
/** Answers that say that it did not work this time: whoever asks again is to try again. */
const isPassing = (status: number): boolean => status >= 500 || status === 429;

type Finish = Extract<Begun, { outcome: 'begun' }>['finish'];

/** A POST that changes something, and has an Idempotency-Key, is done once (draft-ietf-httpapi-idempotency-key-header). */
export function registerIdempotency(app: App, requests: Requests): void {
  const begun = new WeakMap<FastifyRequest, Finish>();
  app.decorateRequest('requestKey', null);
  app.addHook('preHandler', async (request, reply) => {
    const key = keyOf(request);
    if (key === null) return;
    const { identity, fleetClient } = request;
    assert(identity !== null && fleetClient !== null, 'a change is asked for by somebody, of a fleet');
    const asked = { fleet: fleetClient.fleet, identity, key, fingerprint: fingerprintOf(request) };
    const found = await requests.begin(asked);
    if (found.outcome !== 'begun') return answerKnown(found, reply);
    request.requestKey = found.requestKey;
    begun.set(request, found.finish);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const finish = begun.get(request);
    if (finish === undefined) return payload;
    begun.delete(request);
    // Who asks again meanwhile is told to wait, and after a while it is done again under the same request key.
    await finish(toKept(reply, payload)).catch((error: unknown) => {
      request.log.error({ err: error }, 'answer not kept');
    });
    return payload;
  });
}

function keyOf(request: FastifyRequest): string | null {
  const header = request.headers[KEY_HEADER];
  if (request.routeOptions.config.changes !== true || request.method !== 'POST' || header === undefined) return null;
  if (typeof header === 'string' && KEY_PATTERN.test(header)) return header.replaceAll('"', '');
  const reason = 'expected 1 to 128 letters, digits and . _ ~ : + / = -, such as a UUID';
  throw problemOf(400, `Idempotency-Key: ${reason}`, { errors: [{ field: KEY_HEADER, reason }] });
}

function answerKnown(found: Exclude<Begun, { outcome: 'begun' }>, reply: FastifyReply): FastifyReply {
  switch (found.outcome) {
    case 'answered': {
      const { status, headers, body } = found.answer;
      return reply.code(status).headers(headers).header('idempotency-replayed', 'true').send(body);
    }
    case 'working':
      throw problemOf(409, 'a request with this Idempotency-Key is still at work; ask again for its answer', {
        headers: { 'retry-after': String(Math.ceil(found.retryAfterMs / 1_000)) },
      });
    case 'other': {
      const reason = 'another request had this key; take a new key for a new request';
      throw problemOf(422, `Idempotency-Key: ${reason}`, { errors: [{ field: KEY_HEADER, reason }] });
    }
  }
}

/** The same fields in another order are the same request. */
const fingerprintOf = ({ method, url, body }: FastifyRequest): string =>
  createHash('sha256')
    .update(`${method} ${url}\n${JSON.stringify(inOrder(body))}`)
    .digest('hex');

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, each]) => [name, inOrder(each)] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** null: not to be given again. */
function toKept(reply: FastifyReply, payload: unknown): KeptAnswer | null {
  if (isPassing(reply.statusCode) || (typeof payload !== 'string' && payload != null)) return null;
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name);
    return value === undefined ? [] : [[name, String(value)] as const];
  });
  return { status: reply.statusCode, headers: Object.fromEntries(headers), body: payload ?? '' };
}
