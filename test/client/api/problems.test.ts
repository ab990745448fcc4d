import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemSchema, type ProblemDocument } from '../../../client/api/schemas/problem.ts';
import { startApi, type AnApi, type Answer } from '../api-routes/an-api.ts';

let api: AnApi;
beforeAll(async () => {
  api = await startApi();
  await api.listen();
});
afterAll(async () => api[Symbol.asyncDispose]());

const UPGRADES = '/v1/fleets/lab/upgrades';
const JSON_TYPE = { 'content-type': 'application/json' };

function problemOf({ headers, body, status }: Answer): ProblemDocument {
  expect(headers['content-type']).toContain('application/problem+json');
  const problem = problemSchema.parse(body);
  expect(problem.status).toBe(status);
  return problem;
}

async function raw(
  method: 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'TRACE',
  url: string,
  more: object = {},
): Promise<Answer> {
  const authorization = `Bearer ${api.tokens['operator'] ?? ''}`;
  const request = { method, url, payload: '', headers: {}, ...more };
  const answer = await api.app.inject({
    ...request,
    method: method as 'POST',
    headers: { authorization, ...request.headers },
  });
  const { statusCode: status, payload: text, headers } = answer;
  return { status, headers, text, body: text === '' ? null : (JSON.parse(text) as unknown) };
}

describe('what a request can have wrong', () => {
  test('a field that is not as the document has it is a 400 that names it', async () => {
    const { errors, detail, status } = problemOf(await api.ask('POST', UPGRADES, { body: { reference: 7 } }));

    expect(status).toBe(400);
    expect(errors.map(({ field }) => field)).toContain('reference');
    expect(detail).toContain('body');
  });

  test('a query that is not is one, too', async () => {
    const { errors, status } = problemOf(await api.ask('GET', `${UPGRADES}?limit=none`));

    expect([status, errors[0]?.field]).toEqual([400, 'limit']);
  });

  test('input that nobody can use is a 422 that names the field', async () => {
    const { errors, status } = problemOf(
      await api.ask('POST', UPGRADES, { body: { reference: 'registry.lab:5000/none:1' } }),
    );

    expect([status, errors[0]?.field]).toEqual([422, 'reference']);
  });

  test.each([
    ['no JSON', '{', 400, JSON_TYPE],
    ['an empty body that says it is JSON', '', 400, JSON_TYPE],
    ['a prototype of somebody’s making', '{"__proto__":{}}', 400, JSON_TYPE],
    ['text', 'hello', 415, { 'content-type': 'text/plain' }],
    ['a form', 'a=b', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['more than is taken', JSON.stringify({ reference: 'x'.repeat(70_000) }), 413, JSON_TYPE],
  ])('%s is refused as the standards have it', async (...refused) => {
    const [, payload, status, headers] = refused;
    expect(problemOf(await raw('POST', UPGRADES, { payload, headers })).status).toBe(status);
  });

  test('a malformed escape in a path is a 400', async () => {
    expect(problemOf(await api.ask('GET', '/v1/fleets/%E0%A4%A')).status).toBe(400);
  });

  test('a path that is not there is a 404, whoever asks', async () => {
    expect(problemOf(await api.ask('GET', '/v1/nothing')).status).toBe(404);
    expect(problemOf(await api.ask('GET', '/v2', { as: null })).status).toBe(404);
  });

  test('a very long name is judged like any other', async () => {
    expect(problemOf(await api.ask('GET', `/v1/fleets/lab/hosts/${'h'.repeat(2_000)}`)).status).toBe(400);
  });
});

describe('methods', () => {
  test.each(['PUT', 'DELETE', 'TRACE'] as const)(
    '%s on a path that takes others is a 405 with those',
    async (method) => {
      const answer = await raw(method, UPGRADES, { payload: 'x', headers: { 'content-type': 'text/plain' } });

      expect(problemOf(answer).status).toBe(405);
      expect(answer.headers['allow']).toBe('GET, HEAD, OPTIONS, POST');
    },
  );

  test('OPTIONS tells the methods', async () => {
    const answer = await raw('OPTIONS', UPGRADES);

    expect([answer.status, answer.headers['allow'], answer.text]).toEqual([204, 'GET, HEAD, OPTIONS, POST', '']);
    expect((await raw('OPTIONS', '/v1/nothing')).status).toBe(404);
  });

  test('HEAD is GET without a body', async () => {
    const head = await api.ask('HEAD', '/v1/fleets');

    expect([head.status, head.text]).toEqual([200, '']);
    expect((await api.ask('HEAD', '/v1/fleets', { as: null })).status).toBe(401);
  });

  test('what is no HTTP gets a problem on its connection', async () => {
    const { port } = api.app.server.address() as AddressInfo;

    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GARBAGE\r\n\r\n'));
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('end', () => resolve(received));
      socket.on('error', reject);
    });

    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
    expect(problemSchema.parse(JSON.parse(text.slice(text.indexOf('{')))).status).toBe(400);
  });
});

describe('what is not the request’s fault', () => {
  test('a service that is away is a 503 that says when to come back', async () => {
    api.lab.away = 'temporal at 127.0.0.1:7233 does not answer';
    const answer = await api.ask('GET', UPGRADES);
    api.lab.away = null;

    expect(problemOf(answer)).toMatchObject({ status: 503, detail: 'temporal at 127.0.0.1:7233 does not answer' });
    expect(answer.headers['retry-after']).toBe('5');
  });

  test('a bug is a 500 without its words, and with an id', async () => {
    await using broken = await startApi();
    broken.lab.describe = () => Promise.reject(new Error('secret of the inside'));

    const answer = await broken.ask('GET', '/v1/fleets/lab');

    expect(problemOf(answer).status).toBe(500);
    expect(answer.text).not.toContain('secret');
    expect(problemOf(answer).instance).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  });
});

test('answers are kept by nobody and taken for nothing else', async () => {
  const { headers } = await api.ask('GET', '/v1/fleets');

  expect([headers['cache-control'], headers['x-content-type-options']]).toEqual(['no-store', 'nosniff']);
});
