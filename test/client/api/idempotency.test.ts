import { once } from 'node:events';
import { onTestFinished, describe, expect, test } from 'vitest';
import { LEFT_AFTER_MS } from '../../../client/api/requests.ts';
import type { FleetClient } from '../../../client/fleet-client.ts';
import { FakeFleetClient } from '../../fakes/fleet-client.ts';
import { MemoryLasting } from '../../fakes/lasting-values.ts';
import { readRelease } from '../../fakes/release.ts';
import { startApi, type AnApi, type Answer, type Ask } from '../api-routes/an-api.ts';

const URL = '/v1/fleets/lab/upgrades';
const KEY = '8e03978e-40d5-43e8-bc93-6894a57f9324';

type Site = AnApi & {
  readonly start: (asked?: Ask) => Promise<Answer>;
  readonly started: () => Promise<number>;
  /** Another API of the same fleet and etcd, as after a restart. */
  readonly again: () => Promise<Site>;
};

async function open(lab = new FakeFleetClient(), values = new MemoryLasting()): Promise<Site> {
  const api = await startApi({ lab, values });
  onTestFinished(() => api[Symbol.asyncDispose]());
  const reference = lab.publish(readRelease());
  return {
    ...api,
    start: (asked = {}) => api.ask('POST', URL, { body: { reference }, key: KEY, ...asked }),
    started: async () => (await lab.upgrades.list()).length,
    again: () => open(lab, values),
  };
}

/** Requests stop there until they are let go. */
function holdReads(lab: FakeFleetClient): { readonly reached: Promise<unknown>; readonly letGo: () => void } {
  const read: FleetClient['readRelease'] = lab.readRelease.bind(lab);
  const [reached, gate] = [new AbortController(), new AbortController()];
  const isReached = once(reached.signal, 'abort');
  const isOpen = once(gate.signal, 'abort');
  lab.readRelease = async (reference) => {
    reached.abort();
    await isOpen;
    return read(reference);
  };
  return { reached: isReached, letGo: () => gate.abort() };
}

describe('a request with an Idempotency-Key', () => {
  test('is done once, and answered the same again', async () => {
    const site = await open();

    const first = await site.start();
    const second = await site.start();

    expect([first.status, first.headers['idempotency-replayed']]).toEqual([202, undefined]);
    expect([second.status, second.headers['idempotency-replayed']]).toEqual([202, 'true']);
    expect([second.text, second.headers['location']]).toEqual([first.text, first.headers['location']]);
    expect(await site.started()).toBe(1);
  });

  test('is the same with quotes around its key, and with its fields in another order', async () => {
    const site = await open();
    const body = { reference: site.lab.publish(readRelease()), id: 'lab-7' };
    await site.start({ body });

    const second = await site.start({ body: Object.fromEntries(Object.entries(body).reverse()), key: `"${KEY}"` });

    expect(second.headers['idempotency-replayed']).toBe('true');
  });

  test('is answered the same by another API, and after a restart', async () => {
    const site = await open();
    const first = await site.start();
    await site.app.close();

    const second = await (await site.again()).start();

    expect([second.text, second.headers['idempotency-replayed']]).toEqual([first.text, 'true']);
  });

  test('is another one when somebody else asks', async () => {
    const site = await open();
    await site.start();

    const other = await site.start({ as: 'admin' });

    expect(other.status).toBe(409);
    expect(other.headers['idempotency-replayed']).toBeUndefined();
  });

  test('is refused when the key was another request’s', async () => {
    const site = await open();
    await site.start();

    const other = await site.start({ body: { reference: 'registry.lab:5000/other:1' } });

    expect(other.status).toBe(422);
    expect(other.body).toMatchObject({ errors: [{ field: 'idempotency-key' }] });
  });

  test('waits for nobody: while the first is at work the second is told when to come back', async () => {
    const site = await open();
    const held = holdReads(site.lab);
    const first = site.start();
    await held.reached;

    const second = await site.start();
    held.letGo();

    expect([second.status, Number(second.headers['retry-after'])]).toEqual([409, LEFT_AFTER_MS / 1_000]);
    expect((await first).status).toBe(202);
    expect((await site.start()).headers['idempotency-replayed']).toBe('true');
  });

  test('finds what it began when the API ended before it answered', async () => {
    const site = await open();
    const start = site.lab.upgrades.start.bind(site.lab.upgrades);
    site.lab.upgrades.start = async (request) => start(request).finally(() => site.values.down());
    const lost = await site.start();
    site.values.up();
    site.lab.finish();
    site.values.rewrite((value) => value.replace(/"since":\d+/, '"since":0'));

    const second = await (await site.again()).start();

    expect([second.status, second.text]).toEqual([202, lost.text]);
    expect(await site.started()).toBe(1);
  });

  test('may be tried again when a service was away', async () => {
    const site = await open();
    site.lab.away = 'temporal does not answer';
    const away = await site.start();
    site.lab.away = null;

    expect([away.status, (await site.start()).status]).toEqual([503, 202]);
  });

  test('is not begun when etcd can’t say whether it was before', async () => {
    const site = await open();
    site.values.down();

    const answer = await site.start();

    expect([answer.status, await site.started()]).toEqual([503, 0]);
  });

  test.each(['', 'a b', 'ä', 'k'.repeat(129), '"half'])('is refused with the key %j', async (key) => {
    const site = await open();

    const answer = await site.start({ key });

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ errors: [{ field: 'idempotency-key' }] });
  });

  test('needs none', async () => {
    const site = await open();

    const answer = await site.ask('POST', URL, { body: { reference: site.lab.publish(readRelease()) } });

    expect(answer.status).toBe(202);
  });
});
