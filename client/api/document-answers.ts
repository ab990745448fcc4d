import type { FastifySchema, RouteOptions } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { STATUS_CODES } from 'node:http';
import { PROBLEM_TYPE } from './schemas/problem.ts';

/** Under this the document says which role a route needs. */
export const ROLE = 'x-role';

type Header = { readonly type: 'string'; readonly description: string };
type Headers = Readonly<Record<string, Header>>;

/** Headers that an answer always has are told from those that it may have: `requireHeaders`. */
export const certainHeaders = ['Location', 'WWW-Authenticate'] as const;

const location: Headers = { Location: { type: 'string', description: 'Where it can be followed.' } };
const challenge: Headers = { 'WWW-Authenticate': { type: 'string', description: 'By RFC 6750.' } };
const comeAgain: Headers = { 'Retry-After': { type: 'string', description: 'Seconds.' } };
const replayed: Headers = {
  'Idempotency-Replayed': { type: 'string', description: '`true`: the answer to an earlier request with this key.' },
};

type Problem = { readonly description: string; readonly headers?: Headers };

/** What can be wrong with any request, in the words of this API. */
const problems = {
  400: { description: 'The request is not as this document has it.' },
  401: { description: 'No credentials came with it.', headers: challenge },
  403: { description: 'The credentials are not good, or the role does not suffice.', headers: challenge },
  404: { description: 'There is no such thing, or none that these credentials may see.' },
  409: { description: 'It makes sense, but not now: something else is at work, or is over.', headers: comeAgain },
  413: { description: 'The body is too large.' },
  415: { description: 'The body has another media type than application/json.' },
  422: { description: 'It is well-formed, and asks for what can’t be; nothing was changed.' },
  429: { description: 'Too many requests, or too many streams.', headers: comeAgain },
  503: { description: 'A service that this needs does not answer.', headers: comeAgain },
} as const satisfies Record<number, Problem>;
type ProblemStatus = keyof typeof problems;

const ofAll: readonly ProblemStatus[] = [400, 401, 403, 429, 503];
/** Below a fleet. */
const ofFleets: readonly ProblemStatus[] = [404, 422];
const ofBodies: readonly ProblemStatus[] = [413, 415];
const ofChanges: readonly ProblemStatus[] = [409];

type Input = Parameters<typeof jsonSchemaTransform>[0] & { readonly route: RouteOptions };
type Output = { readonly schema: FastifySchema; readonly url: string };

/** A route's part of the document: its own schemas, and all answers that every such route may give. */
export function documentRoute(input: Input): Output {
  const { schema, url } = jsonSchemaTransform(input);
  const { config, method } = input.route;
  if (config?.role === undefined) return { schema, url };
  const isChange = config.changes === true;
  const statuses = [
    ...ofAll,
    ...(url.includes(':') ? ofFleets : []),
    ...(method === 'POST' ? ofBodies : []),
    ...(isChange ? ofChanges : []),
  ];
  const response = { ...good(schema, isChange), ...withProblems(statuses) };
  return { schema: { ...schema, ...{ [ROLE]: config.role, response } }, url };
}

const withProblems = (statuses: readonly ProblemStatus[]): Record<number, object> =>
  Object.fromEntries(statuses.map((status) => [status, problemAnswer(status)]));

const problemAnswer = (status: ProblemStatus): object => ({
  ...problems[status],
  content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
});

/** Each is described by what its schema says, or by its status. */
function good({ response, produces }: FastifySchema, isChange: boolean): Record<string, object> {
  if (typeof response !== 'object' || response === null) return {};
  const mediaType = produces?.[0] ?? 'application/json';
  return Object.fromEntries(
    Object.entries(response).map(([status, schema]: [string, unknown]) => [
      status,
      {
        description: STATUS_CODES[status] ?? status,
        ...(isChange && { headers: { ...(status === '202' && location), ...replayed } }),
        content: { [mediaType]: { schema } },
      },
    ]),
  );
}
