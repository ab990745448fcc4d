import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditRecord } from '../../../client/api/audit-record.ts';
import { startApi, type AnApi, type Ask } from '../api-routes/an-api.ts';

let api: AnApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api[Symbol.asyncDispose]());

const START = '/v1/fleets/lab/upgrades';
/** `instance` is the request's own id. */
const withoutId = (body: unknown): unknown => ({ ...(body as object), instance: '' });

async function refusals(): Promise<readonly AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const record of api.audit.newestFirst()) if (record.event === 'refused') found.push(record);
  return found;
}

describe('who asks', () => {
  test.each<[why: string, method: 'GET' | 'POST', url: string, asked: Ask, status: number, challenge: RegExp | null]>([
    ['nobody', 'GET', '/v1/fleets', { as: null }, 401, /^Bearer realm="refit"$/],
    [
      'nobody, of another scheme',
      'GET',
      '/v1/fleets',
      { as: null, headers: { authorization: 'Basic YTpi' } },
      401,
      /^B/,
    ],
    ['an unknown token', 'GET', '/v1/fleets', { as: `refit_${'a'.repeat(43)}` }, 403, /error="invalid_token"/],
    ['a malformed token', 'GET', '/v1/fleets', { as: 'no token' }, 403, /error="invalid_token"/],
    ['an empty token', 'GET', '/v1/fleets', { as: null, headers: { authorization: 'Bearer' } }, 403, /invalid_token/],
    ['a viewer who starts', 'POST', START, { as: 'viewer', body: {} }, 403, /error="insufficient_scope"/],
    ['an operator who reads records', 'GET', '/v1/audit', { as: 'operator' }, 403, /insufficient_scope/],
    ['an operator of another fleet', 'POST', START, { as: 'stranger', body: {} }, 404, null],
  ])('%s is refused and recorded', async (...refused) => {
    const [, method, url, asked, status, challenge] = refused;
    const before = (await refusals()).length;

    const answer = await api.ask(method, url, asked);

    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    if (challenge === null) expect(answer.headers['www-authenticate']).toBeUndefined();
    else expect(answer.headers['www-authenticate']).toMatch(challenge);
    const [latest, ...older] = await refusals();
    expect(older).toHaveLength(before);
    expect(latest).toMatchObject({ event: 'refused', status, method, path: url, from: '127.0.0.1' });
  });

  test('a fleet that it may not see is refused in the same words as one that is not there', async () => {
    const hidden = await api.ask('GET', '/v1/fleets/other', { as: 'admin' });
    const missing = await api.ask('GET', '/v1/fleets/ghost', { as: 'admin' });

    expect(hidden.status).toBe(404);
    expect(withoutId(missing.body)).toEqual(withoutId(JSON.parse(hidden.text.replace(/other/g, 'ghost')) as object));
    expect(Object.keys(missing.headers)).toEqual(Object.keys(hidden.headers));
  });

  test('a role that is too low says nothing of whether the fleet is there', async () => {
    const answers = await Promise.all(
      ['lab', 'other', 'ghost'].map((fleet) =>
        api.ask('POST', `/v1/fleets/${fleet}/upgrades`, { as: 'viewer', body: {} }),
      ),
    );

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect(new Set(answers.map(({ body }) => JSON.stringify(withoutId(body)))).size).toBe(1);
  });

  test('what is not about a fleet needs no token', async () => {
    for (const url of ['/healthz', '/openapi.json', '/docs', '/docs/static/swagger-ui-bundle.js'])
      expect((await api.ask('GET', url, { as: null })).status, url).toBe(200);
  });

  test('the page needs nothing from elsewhere', async () => {
    const page = await api.ask('GET', '/docs', { as: null });

    expect(page.text).not.toMatch(/(src|href)="https?:/);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  });

  test('each sees its own fleets', async () => {
    const seen = async (as: string): Promise<unknown> => (await api.ask('GET', '/v1/fleets', { as })).body;

    expect(await seen('viewer')).toEqual({ fleets: [{ fleet: 'lab', href: '/v1/fleets/lab' }] });
    expect(await seen('stranger')).toEqual({ fleets: [{ fleet: 'other', href: '/v1/fleets/other' }] });
  });
});
