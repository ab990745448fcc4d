import { expect, test } from 'vitest';
import {
  createRequests,
  LEFT_AFTER_MS,
  type AskedRequest,
  type Begun,
  type KeptAnswer,
} from '../../../client/api/requests.ts';
import { parseFleetId } from '../../../model/ids.ts';
import type { LastingValues } from '../../../model/lasting.ts';

const fleet = parseFleetId('requests');
const answer: KeptAnswer = { status: 202, headers: { location: '/v1/x' }, body: '{"id":"x"}' };
const anna = { by: 'token', name: 'anna' } as const;

/** What everything keeps to in which requests are remembered; run against real etcd and against the one in memory. */
export function describeRequests(open: () => LastingValues): void {
  let count = 0;
  /** With a key that no other test uses. */
  const asked = (): AskedRequest => ({
    fleet,
    identity: anna,
    key: `key-${process.pid}-${(count += 1)}`,
    fingerprint: 'POST /v1/x {}',
  });
  const requests = (now?: () => number): ReturnType<typeof createRequests> => createRequests(() => open(), now);

  test('a request that ends is answered the same again', async () => {
    const request = asked();

    await begun(await requests().begin(request)).finish(answer);

    expect(await requests().begin(request)).toEqual({ outcome: 'answered', answer });
  });

  test('who asks while it is at work is told so, and when to come back', async () => {
    const request = asked();
    await requests().begin(request);

    const second = await requests().begin(request);

    expect(second).toMatchObject({ outcome: 'working' });
    expect(second.outcome === 'working' && second.retryAfterMs).toBeLessThanOrEqual(LEFT_AFTER_MS);
  });

  test('of many who ask at once one begins', async () => {
    const request = asked();

    const all = await Promise.all(Array.from({ length: 8 }, () => requests().begin(request)));

    expect(all.filter(({ outcome }) => outcome === 'begun')).toHaveLength(1);
    expect(all.filter(({ outcome }) => outcome === 'working')).toHaveLength(7);
  });

  test('another request with the same key is refused, whether the first has ended or not', async () => {
    const request = asked();
    const other = { ...request, fingerprint: 'POST /v1/y {}' };
    const first = begun(await requests().begin(request));

    expect(await requests().begin(other)).toEqual({ outcome: 'other' });
    await first.finish(answer);
    expect(await requests().begin(other)).toEqual({ outcome: 'other' });
  });

  test('the same key of somebody else is another one', async () => {
    const request = asked();
    const first = begun(await requests().begin(request));

    const other = begun(await requests().begin({ ...request, identity: { ...anna, by: 'oidc' } }));

    expect(other.requestKey).not.toBe(first.requestKey);
  });

  test('one that nobody ended is taken over under the same request key, and what the first one says late is dropped', async () => {
    const request = asked();
    const left = begun(await requests().begin(request));

    const later = begun(await requests(() => Date.now() + LEFT_AFTER_MS).begin(request));
    await left.finish({ ...answer, status: 409 });
    await later.finish(answer);

    expect(later.requestKey).toBe(left.requestKey);
    expect(await requests().begin(request)).toEqual({ outcome: 'answered', answer });
  });

  test('one with nothing to keep may be tried again at once', async () => {
    const request = asked();

    await begun(await requests().begin(request)).finish(null);

    expect((await requests().begin(request)).outcome).toBe('begun');
  });

  test('an answer too large to be kept is not, and the request is tried again', async () => {
    const request = asked();

    await begun(await requests().begin(request)).finish({ ...answer, body: 'x'.repeat(20_000) });

    expect((await requests().begin(request)).outcome).toBe('begun');
  });
}

export function begun(outcome: Begun): Extract<Begun, { outcome: 'begun' }> {
  if (outcome.outcome !== 'begun') throw new Error(`expected to begin, got ${outcome.outcome}`);
  return outcome;
}
