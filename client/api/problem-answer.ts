import type { FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { WrongInput } from '../fleet-client.ts';
import { Unreachable } from '../unreachable.ts';
import { HttpProblem, type FieldError } from './problem.ts';
import { PROBLEM_TYPE, type ProblemDocument } from './schemas/problem.ts';

/** When somebody who met a service that was away may ask again; seconds. */
const RETRY_AFTER_S = 5;
/** Fields at fault that one answer names. */
const MAX_ERRORS = 32;

/** Errors of fastify's own that are the client's doing, by what is to be done. */
const ADVICE: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: 'the path has a malformed escape: write % as %25',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'expected a body of content-type application/json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is larger than this API takes',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the content-type says JSON and the body is empty: send a body, or no content-type',
  FST_ERR_CTP_INVALID_JSON_BODY: 'the body is no JSON',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'the body has another length than its content-length says',
};

/** Answers with what went wrong. A bug of ours is logged under the request's id, and its words stay here. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error);
  const isOurs = problem.status >= 500 && !(error instanceof HttpProblem);
  // The id is in the log already: fastify gives each request a logger of its own.
  if (isOurs) request.log.error({ err: error }, problem.status === 500 ? 'request failed' : 'service away');
  void reply
    .code(problem.status)
    .headers(problem.headers)
    .type(PROBLEM_TYPE)
    // As text: what documents of good answers look like does not matter here.
    .send(JSON.stringify(toDocument(problem, request.id)));
}

/** What every failure of a request is to whoever asked. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof WrongInput)
    return problemOf(422, error.message, { errors: [{ field: error.field, reason: error.message }] });
  if (error instanceof Unreachable)
    return problemOf(503, error.message, { headers: { 'retry-after': String(RETRY_AFTER_S) } });
  if (hasZodFastifySchemaValidationErrors(error)) return invalid(error);
  const known = fastifyError(error);
  if (known === null) return problemOf(500, 'the API failed; its log says why, under the id that is the instance here');
  // A handler that took too long may have begun: the same key finds it again.
  if (known.status === 503)
    return problemOf(503, 'this took too long; ask again with the same Idempotency-Key', {
      headers: { 'retry-after': String(RETRY_AFTER_S) },
    });
  return problemOf(known.status, ADVICE[known.code] ?? STATUS_CODES[known.status] ?? 'not accepted');
}

type More = {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
};

/** A problem whose title is its status's. */
export const problemOf = (status: number, detail: string, more: More = {}): HttpProblem =>
  new HttpProblem({ status, title: STATUS_CODES[status] ?? 'Problem', detail, ...more });

export const toDocument = (problem: HttpProblem, id: string): ProblemDocument => ({
  type: 'about:blank',
  title: problem.title,
  status: problem.status,
  detail: problem.message,
  instance: `urn:uuid:${id}`,
  errors: [...problem.errors],
});

/** What is no HTTP never becomes a request: it gets its answer on the socket. */
export function answerBrokenRequest(error: { readonly code: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = BROKEN[error.code] ?? 400;
  const problem = problemOf(status, 'what came is no request that can be read');
  const body = JSON.stringify(toDocument(problem, NO_REQUEST));
  const head = [
    `HTTP/1.1 ${status} ${problem.title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const BROKEN: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };
/** It has no id, since there is no request. */
const NO_REQUEST = '00000000-0000-0000-0000-000000000000';

type Invalid = {
  readonly validation: readonly { readonly instancePath: string; readonly message?: string }[];
  readonly validationContext?: string | undefined;
};

function invalid({ validation, validationContext }: Invalid): HttpProblem {
  const errors = validation.slice(0, MAX_ERRORS).map(({ instancePath, message }) => ({
    field: toField(instancePath) || (validationContext ?? 'body'),
    reason: message ?? 'not accepted',
  }));
  const [first] = errors;
  const place = PLACES[validationContext ?? ''] ?? 'body';
  const text = first === undefined ? 'it is not accepted' : `${first.field}: ${first.reason}`;
  return problemOf(400, `the ${place} is not as the document at /openapi.json has it: ${text}`, { errors });
}

const PLACES: Readonly<Record<string, string>> = { params: 'path', querystring: 'query', headers: 'header' };

/** `/hosts/2/name` → `hosts[2].name`. */
const toField = (path: string): string =>
  path
    .split('/')
    .filter(Boolean)
    .map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('');

/** null: a bug, whatever status it claims. */
function fastifyError(error: unknown): { readonly status: number; readonly code: string } | null {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return null;
  const { statusCode, code } = error;
  if (typeof statusCode !== 'number' || typeof code !== 'string' || !code.startsWith('FST_ERR_')) return null;
  const isTheirs = statusCode >= 400 && statusCode < 500;
  return isTheirs || code === 'FST_ERR_HANDLER_TIMEOUT' ? { status: statusCode, code } : null;
}
