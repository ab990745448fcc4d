import { describe, expect, test } from 'vitest';
import { defaultLimits } from '../../../client/api/limits.ts';
import { startApi } from '../api-routes/an-api.ts';

const statuses = async (count: number, ask: () => Promise<{ readonly status: number }>): Promise<readonly number[]> => {
  const seen: number[] = [];
  for (let each = 0; each < count; each += 1) seen.push((await ask()).status);
  return seen;
};

describe('limits', () => {
  test('who asks too much is told when to come back, and others are not', async () => {
    await using api = await startApi({ limits: { ...defaultLimits, requestsPerMinute: 2 } });

    const seen = await statuses(3, () => api.ask('GET', '/v1/fleets'));
    const late = await api.ask('GET', '/v1/fleets');

    expect(seen).toEqual([200, 200, 429]);
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect(late.body).toMatchObject({ status: 429, title: 'Too Many Requests' });
    expect((await api.ask('GET', '/v1/fleets', { as: 'viewer' })).status).toBe(200);
  });

  test('tokens can’t be guessed without end', async () => {
    await using api = await startApi({ limits: { ...defaultLimits, requestsPerMinute: 2 } });

    expect(await statuses(3, () => api.ask('GET', '/v1/fleets', { as: 'refit_guess' }))).toEqual([403, 403, 429]);
    expect(await statuses(1, () => api.ask('GET', '/v1/nothing', { as: null }))).toEqual([429]);
  });

  test('changes have a limit of their own', async () => {
    await using api = await startApi({ limits: { ...defaultLimits, changesPerMinute: 1 } });

    const start = (): Promise<{ readonly status: number }> => api.ask('POST', '/v1/fleets/lab/upgrades', { body: {} });

    expect(await statuses(2, start)).toEqual([400, 429]);
    expect((await api.ask('GET', '/v1/fleets')).status).toBe(200);
  });

  test('what watches over the API is never refused', async () => {
    await using api = await startApi({ limits: { ...defaultLimits, requestsPerMinute: 1 } });

    expect(await statuses(3, () => api.ask('GET', '/healthz', { as: null }))).toEqual([200, 200, 200]);
  });
});
